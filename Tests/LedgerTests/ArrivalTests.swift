import Arrivals
import Ledger
import LedgerSupport
import Reasons
import TestSupport
import Testing

/// SEMANTICS 1 to 6 and 29, as far as the ledger decides them.
@Suite struct ArrivalTests {
    @Test func theSameContentAgainIsNoNewArrival() throws {
        let f = try Fixture()
        #expect(try f.arrive("a.csv", "A") == .arrived(1, superseded: nil))
        #expect(try f.arrive("a.csv", "A") == .unchanged(1))
        try f.finish(1)
        let again = f.file("a.csv", "A")
        #expect(try f.ledger.arrive([again], at: f.now) == [.unchanged(1)])
        #expect(try f.ledger.isCurrent("p", .data, "a.csv", again.stamp), "the stamp is refreshed")
        #expect(try f.counts() == ["data done": 1])
    }

    @Test func contentThatComesBackIsAThirdArrival() throws {
        let f = try Fixture()
        for (number, content) in [(1, "A"), (2, "B"), (3, "A")] as [(Int64, String)] {
            #expect(try f.arrive("a.csv", content) == .arrived(number, superseded: nil))
            try f.finish(number, content: "out \(number)")
        }
        let owner = try #require(try f.ledger.owner(root: "/out", path: "a.parquet"))
        #expect(owner.arrival == 3 && owner.output.digest == "out 3" && owner.state == .published)
        #expect(try f.ledger.publications(ofRun: 1).map(\.state) == [.replaced])
        let visits = try #require(try f.ledger.explain(path: "a.csv", now: f.now).first).visits
        #expect(visits.map(\.arrival.number) == [3, 2, 1])
    }

    @Test func theSameContentUnderAnotherPathOrPipelineIsItsOwnArrival() throws {
        let f = try Fixture()
        #expect(try f.arrive("a.csv", "A").number == 1)
        #expect(try f.arrive("b.csv", "A") == .arrived(2, superseded: nil))
        #expect(try f.arrive("a.csv", "A", in: "q") == .arrived(3, superseded: nil))
        #expect(try f.waiting() == [1, 2])
        #expect(try f.waiting(in: "q") == [3])
    }

    @Test func arrivalsAreNumberedInTheOrderGiven() throws {
        let f = try Fixture()
        let files = [f.file("z.onnx", "Z", role: .model), f.file("b.csv", "B"), f.file("a.csv", "A")]
        #expect(try f.ledger.arrive(files, at: f.now).map(\.number) == [1, 2, 3])
    }

    @Test func numbersAreNeverReused() throws {
        let f = try Fixture()
        try f.arrive("a.csv", "A")
        let run = try #require(try f.open(1))
        try f.ledger.close([RunClosing(run: run.number, outcome: .gone)], at: f.now)
        try f.reopen()
        #expect(try f.arrive("a.csv", "A") == .arrived(2, superseded: nil))
    }

    // MARK: Superseding

    @Test func newContentSupersedesWhatWaits() throws {
        let f = try Fixture()
        try f.arrive("a.csv", "A")
        #expect(try f.arrive("a.csv", "B") == .arrived(2, superseded: 1))
        #expect(try f.state(1) == .superseded)
        #expect(try f.waiting() == [2])
        #expect(try f.ledger.open([RunOpening(arrival: 1, version: 1, revision: "r")], at: f.now) == [.notWaiting(.superseded)])
        #expect(try f.counts() == ["data superseded": 1, "data waiting": 1])
    }

    @Test func newContentSupersedesWhatWaitsForALaterAttempt() throws {
        let f = try Fixture()
        try f.arrive("a.csv", "A")
        let run = try #require(try f.open(1))
        try f.ledger.attemptFailed(
            [FailedAttempt(run: run.number, outcome: "resource", error: "disk full", nextAttemptAt: f.now.advanced(by: .seconds(5)))],
            at: f.now)
        #expect(try f.arrive("a.csv", "B") == .arrived(2, superseded: 1))
        #expect(try f.ledger.run(run.number)?.state == .abandoned)
        #expect(try f.ledger.openRuns().isEmpty)
    }

    @Test func whatRunsIsLeftToEndAndThenStands() throws {
        let f = try Fixture()
        try f.arrive("a.csv", "A")
        let run = try #require(try f.open(1))
        #expect(try f.arrive("a.csv", "B") == .arrived(2, superseded: nil))
        #expect(try f.state(1) == .running)
        try f.ledger.close([RunClosing(run: run.number, outcome: .void(reason: "the file changed"))], at: f.now)
        #expect(try f.state(1) == .superseded)
        #expect(try f.waiting() == [2])
    }

    // MARK: Void attempts (SEMANTICS 10)

    @Test(arguments: ["A", "B"])
    func aVoidArrivalWaitsForItsFileToSettle(next: String) throws {
        let f = try Fixture()
        let file = f.file("a.csv", "A")
        _ = try f.ledger.arrive([file], at: f.now)
        let run = try #require(try f.open(1, version: 3, revision: "r3"))
        try f.ledger.close([RunClosing(run: run.number, outcome: .void(reason: "the file changed"))], at: f.now)
        #expect(try f.state(1) == .waiting)
        #expect(try f.waiting() == [])
        #expect(try !f.ledger.isCurrent("p", .data, "a.csv", file.stamp), "so that a rescan reads it again")
        #expect(try f.ledger.explain(path: "a.csv", now: f.now).first?.wait == .forFileToSettle)
        if next == "A" {
            #expect(try f.arrive("a.csv", "A") == .resumed(1))
            let again = try #require(try f.open(1, version: 4, revision: "r4"))
            #expect(again.number == run.number && again.version == 3 && again.revision == "r3" && again.attempt == 2)
        } else {
            #expect(try f.arrive("a.csv", "B") == .arrived(2, superseded: 1))
            #expect(try f.waiting() == [2])
        }
    }

    @Test func aFileThatWentAwayIsIgnoredAndFreshWhenItComesBack() throws {
        let f = try Fixture()
        try f.arrive("a.csv", "A")
        let run = try #require(try f.open(1))
        try f.ledger.close([RunClosing(run: run.number, outcome: .gone)], at: f.now)
        #expect(try f.state(1) == .ignored)
        #expect(
            try f.ledger.explain(path: "a.csv", now: f.now).first?.visits.first?.arrival.explanation?.reason.contains("removed") == true)
        #expect(try f.arrive("b.csv.gz", "B") == .arrived(2, superseded: nil))
        #expect(try f.ledger.arrive([f.file("a.csv.gz", "C", key: "a")], at: f.now) == [.arrived(3, superseded: nil)], "its output is free")
    }

    @Test func withdrawnArrivalsDoNotRun() throws {
        let f = try Fixture()
        try f.arrive("a.csv", "A")
        try f.ledger.withdraw([1], because: Fixture.explanation)
        #expect(try f.state(1) == .ignored)
        #expect(try f.waiting() == [])
        #expect(try f.arrive("a.csv", "A") == .arrived(2, superseded: nil))
        try f.finish(2)
        _ = try f.apply(.replay(Selection(arrival: 2)))
        try f.ledger.withdraw([2], because: Fixture.explanation)
        #expect(try f.state(2) == .done, "a replay withdrawn leaves what was done")
    }

    // MARK: Models and labels (SEMANTICS 5, 6)

    @Test(arguments: [ArrivalRole.model, .labelled])
    func contentThatIsKnownIsDoneWhateverItsName(role: ArrivalRole) throws {
        let f = try Fixture()
        try f.arrive("m.bin", "M", role: role)
        try f.finish(1, version: nil)
        #expect(try f.arrive("other.bin", "M", role: role) == .known(2, sameAs: 1, state: .done))
        #expect(try f.arrive("other.bin", "M", role: role, in: "q") == .arrived(3, superseded: nil))
        #expect(try f.ledger.arrival(2)?.verdict == "same content as arrival 1")
        #expect(try f.ledger.runs(RunFilter(arrival: 2)).isEmpty)
    }

    @Test func aModelThatComesBackToItsPathIsKnown() throws {
        let f = try Fixture()
        #expect(try f.publishModel("A", as: "m.onnx") == 1)
        #expect(try f.publishModel("B", as: "m.onnx") == 2)
        #expect(try f.arrive("m.onnx", "A", role: .model) == .known(3, sameAs: 1, state: .done))
        #expect(try f.ledger.activeVersion(pipeline: "p") == 2)
    }

    @Test func contentOfARejectedModelIsRejectedAndSaysWhy() throws {
        let f = try Fixture()
        try f.arrive("bad.onnx", "X", role: .model)
        let run = try #require(try f.open(1, version: nil))
        try f.ledger.close([RunClosing(run: run.number, outcome: .rejected(Fixture.explanation))], at: f.now)
        #expect(try f.arrive("again.onnx", "X", role: .model) == .known(2, sameAs: 1, state: .rejected))
        let reason = try #require(try f.ledger.arrival(2)?.explanation?.reason)
        #expect(reason.contains("bad.onnx") && reason.contains("row 3 has no number"))
        #expect(try f.waiting(.model).isEmpty)
    }

    @Test func aModelWhoseTwinIsStillUndecidedIsDecidedWithIt() throws {
        let f = try Fixture()
        try f.arrive("m.onnx", "M", role: .model)
        #expect(try f.arrive("twin.onnx", "M", role: .model) == .arrived(2, superseded: nil))
        #expect(try f.waiting(.model) == [1, 2])
        try f.finish(1, version: nil)
        #expect(try f.waiting(.model) == [2])
        let opened = try f.ledger.open([RunOpening(arrival: 2, version: nil, revision: "r")], at: f.now)
        #expect(opened == [.decidedAlready(sameAs: 1, state: .done)])
        #expect(try f.state(2) == .done)
        #expect(try f.counts() == ["model done": 2])
    }

    @Test func aTwinOfASupersededModelIsNotLost() throws {
        let f = try Fixture()
        try f.arrive("m.onnx", "M", role: .model)
        try f.arrive("twin.onnx", "M", role: .model)
        #expect(try f.arrive("m.onnx", "N", role: .model) == .arrived(3, superseded: 1))
        #expect(try f.open(2, version: nil) != nil)
    }

    @Test func contentInQuarantineIsNotKnown() throws {
        let f = try Fixture()
        try f.arrive("m.onnx", "M", role: .model)
        let run = try #require(try f.open(1, version: nil))
        try f.ledger.close([RunClosing(run: run.number, outcome: .quarantined(Fixture.explanation))], at: f.now)
        #expect(try f.arrive("other.onnx", "M", role: .model) == .arrived(2, superseded: nil))
    }

    // MARK: Refusals (SEMANTICS 13, 29)

    @Test func theSecondInputForOneOutputIsRefusedNamingBoth() throws {
        let f = try Fixture()
        try f.arrive("a.csv", "A")
        guard case .refused(2, let why, superseded: nil) = try f.arrive("a.csv.gz", "B") else { Issue.record("not refused"); return }
        #expect(why.reason.contains("a.csv.gz") && why.reason.contains("a.csv and") == false && why.reason.contains(" a.csv "))
        #expect(try f.state(2) == .quarantined)
        #expect(try f.arrive("a.csv.gz", "B") == .unchanged(2), "blocked until its content changes")
        guard case .refused(3, _, superseded: 2) = try f.arrive("a.csv.gz", "C") else { Issue.record("not refused again"); return }
        #expect(try f.arrive("a.csv", "D") == .arrived(4, superseded: 1), "the first goes on as before")
        #expect(try f.arrive("a.csv.gz", "B", in: "q").number == 5, "another pipeline has its own outputs")
    }

    @Test func aRefusedInputCanBeRetriedWhenTheOutputIsFree() throws {
        let f = try Fixture()
        try f.arrive("a.csv", "A")
        try f.arrive("a.csv.gz", "B")
        let retry = Request.retry(Selection(path: "a.csv.gz"))
        let refusal = try f.apply(retry)
        #expect(refusal.isRefused && refusal.message.contains("a.csv"))
        try f.execute("DELETE FROM outputs WHERE path = 'a.csv'")
        #expect(try f.apply(retry).affected.map(\.arrival) == [2])
        #expect(try f.open(2) != nil)
    }

    @Test func filesThatAreNoArrivalsAreKnownAndBlocked() throws {
        let f = try Fixture()
        var file = RefusedFile(
            SpoolPlace(pipeline: "p", role: .data, path: "pipe.csv"), stamp: f.stamp(size: 0), explanation: Fixture.explanation)
        #expect(try f.ledger.refuse([file], at: f.now) == [1])
        #expect(try f.ledger.isCurrent("p", .data, "pipe.csv", file.stamp))
        file.stamp = f.stamp(size: 0)
        #expect(try f.ledger.refuse([file], at: f.now) == [1], "the same trouble is one arrival")
        #expect(try f.ledger.isCurrent("p", .data, "pipe.csv", file.stamp))
        let status = try #require(try f.ledger.status(now: f.now).first)
        #expect(status.quarantined.map(\.path) == ["pipe.csv"])
        #expect(status.quarantined.first?.explanation == Fixture.explanation)
        #expect(try f.apply(.retry(Selection(path: "pipe.csv"))).isRefused)
        #expect(try f.arrive("pipe.csv", "A") == .arrived(2, superseded: 1), "a real file in its place")
        #expect(try f.counts() == ["data superseded": 1, "data waiting": 1])
    }

    @Test func quarantineHoldsUntilTheContentChanges() throws {
        let f = try Fixture()
        try f.arrive("a.csv", "A")
        let run = try #require(try f.open(1))
        try f.ledger.close([RunClosing(run: run.number, outcome: .quarantined(Fixture.explanation))], at: f.now)
        #expect(try f.arrive("a.csv", "A") == .unchanged(1))
        #expect(try f.waiting() == [])
        #expect(try f.arrive("a.csv", "B") == .arrived(2, superseded: 1))
    }

    // MARK: Digests

    @Test func largeFilesAndCompanionsAreHashedOnce() throws {
        let f = try Fixture()
        let large = f.file("a.csv", "A", size: 5 << 20)
        let small = f.file("b.csv", "B")
        var model = f.file("m.onnx", "both", role: .model)
        let weights = Companion(path: "w.bin", digest: "sha-w", stamp: f.stamp(size: 9 << 30))
        model.companions = [weights]
        _ = try f.ledger.arrive([large, small, model], at: f.now)
        #expect(try f.ledger.knownDigest(large.stamp) == "sha-A")
        #expect(try f.ledger.knownDigest(small.stamp) == nil)
        #expect(try f.ledger.knownDigest(weights.stamp) == "sha-w")
        var touched = large.stamp
        touched.changed += 1
        #expect(try f.ledger.knownDigest(touched) == nil)
        #expect(try f.ledger.waiting(pipeline: "p", role: .model, limit: 1).first?.file.companions == [weights])
    }

    @Test func aModelIsCurrentOnlyWithItsCompanions() throws {
        let f = try Fixture()
        var model = f.file("m.onnx", "both", role: .model)
        let weights = Companion(path: "w.bin", digest: "sha-w", stamp: f.stamp())
        model.companions = [weights]
        _ = try f.ledger.arrive([model], at: f.now)
        #expect(try !f.ledger.isCurrent("p", .model, "m.onnx", model.stamp))
        #expect(try f.ledger.isCurrent("p", .model, "m.onnx", model.stamp) { $0 == "w.bin" ? weights.stamp : nil })
        let other = f.stamp()
        #expect(try !f.ledger.isCurrent("p", .model, "m.onnx", model.stamp) { _ in other })
    }

    @Test func currencyIsOfPathRoleAndStamp() throws {
        let f = try Fixture()
        let file = f.file("a.csv", "A")
        _ = try f.ledger.arrive([file], at: f.now)
        let other = f.stamp()
        #expect(try f.ledger.isCurrent("p", .data, "a.csv", file.stamp))
        #expect(try !f.ledger.isCurrent("p", .data, "a.csv", other))
        #expect(try !f.ledger.isCurrent("p", .data, "b.csv", file.stamp))
        #expect(try !f.ledger.isCurrent("p", .labelled, "a.csv", file.stamp))
        #expect(try !f.ledger.isCurrent("q", .data, "a.csv", file.stamp))
    }
}
