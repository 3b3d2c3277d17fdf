import Arrivals
import Ledger
import LedgerSupport
import Reasons
import Testing

/// Labels that no training could use yet are done, say why, and count in the trainings that follow.
@Suite struct KeptLabelsTests {
    private static let why = Explanation(reason: "the gate waits until 30 rows are held out", rule: .labelsFew, remedy: "Bring more.")

    /// A labelled file that arrives and is decided; returns what its run was bound to.
    private func decide(_ path: String, _ outcome: (Int64) -> RunClosing.Outcome, all: Bool, _ f: Fixture) throws -> [String] {
        let number = try f.arrive(path, path, role: .labelled).number
        let run = try #require(try f.open(number)).number
        try f.ledger.write { (ledger) throws(LedgerError) in try ledger.bindLabels(run: run, all: all, isReplay: false) }
        let bound = try f.ledger.labels(ofRun: run).map(\.path)
        try f.ledger.close([RunClosing(run: run, outcome: outcome(run))], at: f.now)
        return bound
    }

    private func kept(_: Int64) -> RunClosing.Outcome { .kept(Self.why) }
    private func trained(_: Int64) -> RunClosing.Outcome { .done(verdict: "trained version 2") }

    @Test func theyAreDoneWithTheReasonAndStatusTellsIt() throws {
        let f = try Fixture()
        _ = try decide("a.csv", kept, all: true, f)
        let arrival = try #require(try f.ledger.arrival(1))
        #expect(arrival.state == .done && arrival.verdict == "kept" && arrival.explanation == Self.why)
        #expect(try f.ledger.status(now: f.now).first?.labelsWait == Self.why)
        #expect(try f.counts() == ["labelled done": 1])
        // Once something was learnt, nothing waits.
        _ = try decide("b.csv", trained, all: true, f)
        #expect(try f.ledger.status(now: f.now).first?.labelsWait == nil)
        #expect(try f.ledger.isDecided(labels: "sha-a.csv", pipeline: "p"))
    }

    @Test func withNewWhatWasKeptSinceTheLastTrainingIsNew() throws {
        let f = try Fixture()
        #expect(try decide("a.csv", kept, all: false, f) == ["a.csv"])
        #expect(try decide("b.csv", trained, all: false, f) == ["a.csv", "b.csv"])
        #expect(try decide("c.csv", kept, all: false, f) == ["c.csv"])
        #expect(try decide("d.csv", { _ in .quarantined(Fixture.explanation) }, all: false, f) == ["c.csv", "d.csv"])
        #expect(try decide("e.csv", { _ in .rejected(Fixture.explanation) }, all: false, f) == ["c.csv", "e.csv"])
        #expect(try decide("f.csv", kept, all: false, f) == ["f.csv"])
        #expect(try decide("g.csv", kept, all: true, f) == ["a.csv", "b.csv", "c.csv", "e.csv", "f.csv", "g.csv"])
    }
}
