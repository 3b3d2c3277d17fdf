import Arrivals
import Ledger
import LedgerSupport
import Reasons
import TestSupport
import Testing

/// Labelled arrivals: SEMANTICS 4, 6, 23, 26.
@Suite struct LabelTests {
    private func labels(_ f: Fixture, of run: Int64) throws -> [Int64] { try f.ledger.labels(ofRun: run).map(\.number) }

    private func bind(_ f: Fixture, _ run: OpenedRun, all: Bool = true) throws {
        try f.ledger.write { (ledger) throws(LedgerError) in try ledger.bindLabels(run: run.number, all: all, isReplay: run.kind == .replay)
        }
    }

    @Test func labelsAreKnownByTheirContentAlone() throws {
        let f = try Fixture()
        try f.publishModel("M")
        try f.arrive("a.csv", "L", role: .labelled)
        try f.finish(2)
        #expect(try f.arrive("elsewhere/b.parquet", "L", role: .labelled) == .known(3, sameAs: 2, state: .done))
    }

    @Test(arguments: [true, false])
    func aRunOfLabelsHasThoseTakenBeforeItAndKeepsThem(all: Bool) throws {
        let f = try Fixture()
        try f.publishModel("M")
        for name in ["a", "b", "c"] { try f.arrive(name + ".csv", name, role: .labelled) }
        try f.finish(2)
        let blocked = try #require(try f.open(3))
        try f.ledger.close([RunClosing(run: blocked.number, outcome: .quarantined(Fixture.explanation))], at: f.now)
        // Neither those in quarantine nor those that wait count yet.
        #expect(try f.ledger.knownLabels(pipeline: "p").map(\.number) == [2])
        let run = try #require(try f.open(4))
        try bind(f, run, all: all)
        #expect(try labels(f, of: run.number) == (all ? [2, 4] : [4]))
        // What is taken later is no part of a run that goes on.
        _ = try f.apply(.retry(Selection(pipeline: "p", path: "b.csv")))
        try f.finish(3)
        try f.ledger.interrupted([run.number], at: f.now)
        let again = try #require(try f.open(4))
        #expect(again.number == run.number && again.attempt == 2 && again.version == 1)
        try bind(f, again, all: true)
        #expect(try labels(f, of: run.number) == (all ? [2, 4] : [4]))
    }

    /// Each row: contents of `l.csv` in turn, of which those in quarantine end with `!` and those that are replaced before they run with
    /// `?`; then whether the last runs, and the numbers that the next run of other labels has beside its own. Version 1's model is arrival
    /// 1.
    @Test(arguments: [
        (["A", "B", "A"], true, [3, 4] as [Int64]),
        (["A", "B", "A", "B"], true, [4, 5]),
        (["A", "B?", "A"], false, [2]),
        (["A", "B!", "A"], false, [2]),
        (["A", "B", "C?", "A"], true, [3, 5]),
        (["A", "B", "C", "A"], true, [3, 4, 5]),
    ])
    func whatComesBackToANameIsSaidAnew(contents: [String], runs: Bool, bound: [Int64]) throws {
        let f = try Fixture()
        try f.publishModel("M")
        for (index, content) in contents.dropLast().enumerated() {
            let number = Int64(index + 2)
            #expect(try f.arrive("l.csv", String(content.prefix(1)), role: .labelled).number == number)
            if content.hasSuffix("?") { continue }
            let run = try #require(try f.open(number))
            let outcome = content.hasSuffix("!") ? RunClosing.Outcome.quarantined(Fixture.explanation) : .done(verdict: nil)
            try f.ledger.close([RunClosing(run: run.number, outcome: outcome)], at: f.now)
        }
        let last = Int64(contents.count + 1)
        let outcome = try f.arrive("l.csv", contents.last!, role: .labelled)
        #expect(outcome.number == last)
        if case .arrived = outcome { #expect(runs) } else { #expect(!runs && outcome == .known(last, sameAs: 2, state: .done)) }
        if runs { try f.finish(last) }
        // A copy under another name says nothing new, nor does the same file once more.
        #expect(try f.arrive("copy.csv", "A", role: .labelled).number == last + 1 && f.state(last + 1) == .done)
        #expect(try f.arrive("l.csv", contents.last!, role: .labelled) == .unchanged(last))
        // Those that are decided are those that count now.
        #expect(try f.ledger.knownLabels(pipeline: "p").map(\.number) == bound)
        try f.arrive("next.csv", "N", role: .labelled)
        let next = try #require(try f.open(last + 2))
        try bind(f, next)
        #expect(try labels(f, of: next.number) == bound + [last + 2])
    }

    @Test func whatComesBackBehindLabelsInWorkRunsOnlyWhereTheseAreTaken() throws {
        for isTaken in [true, false] {
            let f = try Fixture()
            try f.publishModel("M")
            try f.arrive("l.csv", "A", role: .labelled)
            try f.finish(2)
            try f.arrive("l.csv", "B", role: .labelled)
            let run = try #require(try f.open(3))
            #expect(try f.arrive("l.csv", "A", role: .labelled) == .arrived(4, superseded: nil))
            try f.ledger.close(
                [RunClosing(run: run.number, outcome: isTaken ? .done(verdict: nil) : .quarantined(Fixture.explanation))], at: f.now)
            let opened = try f.ledger.open([RunOpening(arrival: 4, version: 1, revision: "r1")], at: f.now)[0]
            #expect(isTaken ? opened.run != nil : opened == .decidedAlready(sameAs: 2, state: .done))
        }
    }

    @Test func whatCameBackAndFailedLeavesWhatWasLearntBefore() throws {
        let f = try Fixture()
        try f.publishModel("M")
        for (number, content) in [(2, "A"), (3, "B")] {
            try f.arrive("l.csv", content, role: .labelled)
            try f.finish(Int64(number))
        }
        try f.arrive("l.csv", "A", role: .labelled)
        let run = try #require(try f.open(4))
        try f.ledger.close([RunClosing(run: run.number, outcome: .quarantined(Fixture.explanation))], at: f.now)
        #expect(try f.ledger.isDecided(labels: "sha-A", pipeline: "p"), "its rows are kept")
        #expect(try !f.ledger.isDecided(labels: "sha-C", pipeline: "p"))
    }

    @Test func aModelHasEveryLabelBeforeItAndDecidesThoseThatWait() throws {
        let f = try Fixture()
        for name in ["a", "b", "c"] { try f.arrive(name + ".csv", name, role: .labelled) }
        try f.arrive("m.onnx", "M", role: .model)
        try f.arrive("late.csv", "late", role: .labelled)
        let run = try #require(try f.open(4, version: nil))
        try bind(f, run)
        #expect(try labels(f, of: run.number) == [1, 2, 3])
        try f.arrive("c.csv", "c2", role: .labelled)
        let decided = try f.ledger.write { (ledger) throws(LedgerError) in
            try ledger.close([RunClosing(run: run.number, outcome: .done(verdict: "published 1"))], at: f.now)
            return try ledger.decideLabels(run: run.number, .trained(verdict: "trained version 1"), unusable: [2: Fixture.explanation])
        }
        #expect(decided == [1, 2], "what was superseded meanwhile is not decided")
        #expect(try f.ledger.arrival(1)?.verdict == "trained version 1")
        #expect(try f.state(2) == .quarantined && f.state(3) == .superseded && f.state(5) == .waiting)
        #expect(
            try f.counts() == [
                "labelled done": 1, "labelled quarantined": 1, "labelled superseded": 1, "labelled waiting": 2, "model done": 1,
            ])
    }

    @Test func theTuningThatDidNotPassRejectsTheLabelsAndNotTheModel() throws {
        let f = try Fixture()
        try f.arrive("a.csv", "a", role: .labelled)
        try f.arrive("m.onnx", "M", role: .model)
        let run = try #require(try f.open(2, version: nil))
        try bind(f, run)
        try f.ledger.write { (ledger) throws(LedgerError) in
            _ = try ledger.intendVersion(run: run.number)
            _ = try ledger.publishVersion(
                run: run.number, modelDigest: "d", card: nil,
                training: TrainingRecord(rejection: "worse", metric: "mae", before: 1, after: 2),
                at: f.now)
            try ledger.close([RunClosing(run: run.number, outcome: .done(verdict: "published 1"))], at: f.now)
            _ = try ledger.decideLabels(run: run.number, .rejected(Fixture.explanation), unusable: [:])
        }
        #expect(try f.state(1) == .rejected && f.state(2) == .done)
        let version = try #require(try f.ledger.versions(pipeline: "p").first)
        #expect(version.training == TrainingRecord(rejection: "worse", metric: "mae", before: 1, after: 2))
    }

    @Test func dataWaitsForLabelsOnlyWhereTheOrderIsStrict() throws {
        let f = try Fixture()
        func wait(strict: Set<String>) throws -> WaitReason? { try f.ledger.explain(path: "c.csv", strict: strict, now: f.now).first?.wait }
        try f.publishModel("M")
        try f.arrive("a.csv", "a", role: .labelled)
        try f.arrive("c.csv", "c")
        #expect(try wait(strict: []) == .forRoom && wait(strict: ["other"]) == .forRoom)
        #expect(try wait(strict: ["p"]) == .forLabels(arrival: 2, path: "a.csv"))
        let status = try f.ledger.status(strict: ["p"], now: f.now)
        #expect(status.first?.waiting.first { $0.path == "c.csv" }?.reason == .forLabels(arrival: 2, path: "a.csv"))
    }

    @Test func waitingLabelsSayWhatFor() throws {
        let f = try Fixture()
        func wait(_ number: Int64) throws -> WaitReason? {
            let path = try #require(try f.ledger.arrival(number)).path
            return try f.ledger.explain(path: path, now: f.now).first?.wait
        }
        try f.arrive("a.csv", "a", role: .labelled)
        #expect(try wait(1) == .forFirstModel)
        try f.publishModel("M")
        try f.arrive("b.csv", "b", role: .labelled)
        #expect(try wait(1) == .forRoom)
        #expect(try wait(3) == .forLabels(arrival: 1, path: "a.csv"))
        try f.arrive("n.onnx", "N", role: .model)
        try f.arrive("c.csv", "c", role: .labelled)
        #expect(try wait(5) == .forModel(arrival: 4, path: "n.onnx"))
        try f.arrive("d.csv", "d")
        try f.ledger.close(
            [RunClosing(run: try #require(try f.open(4, version: nil)).number, outcome: .rejected(Fixture.explanation))], at: f.now)
        #expect(try wait(6) == .forRoom, "data does not wait for labels")
    }
}
