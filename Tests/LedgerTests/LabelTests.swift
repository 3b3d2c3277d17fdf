import Ledger
import TestSupport
import Testing

/// Labelled arrivals: SEMANTICS 4, 6, 23, 26.
@Suite struct LabelTests {
    private func labels(_ f: Fixture, of run: Int64) throws -> [Int64] { try f.ledger.labels(ofRun: run).map(\.number) }

    private func bind(_ f: Fixture, _ run: OpenedRun, all: Bool = true) throws {
        try f.ledger.write { (ledger) throws(LedgerError) in try ledger.bindLabels(run: run.run, all: all, isReplay: run.kind == .replay) }
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
        try f.ledger.close([RunClosing(run: blocked.run, outcome: .quarantined(Fixture.explanation))], at: f.now)
        let run = try #require(try f.open(4))
        try bind(f, run, all: all)
        #expect(try labels(f, of: run.run) == (all ? [2, 4] : [4]))
        // What is taken later is no part of a run that goes on.
        _ = try f.apply(.retry(Selection(pipeline: "p", path: "b.csv")))
        try f.finish(3)
        try f.ledger.interrupted([run.run], at: f.now)
        let again = try #require(try f.open(4))
        #expect(again.run == run.run && again.attempt == 2 && again.version == 1)
        try bind(f, again, all: true)
        #expect(try labels(f, of: run.run) == (all ? [2, 4] : [4]))
    }

    @Test func aModelHasEveryLabelBeforeItAndDecidesThoseThatWait() throws {
        let f = try Fixture()
        for name in ["a", "b", "c"] { try f.arrive(name + ".csv", name, role: .labelled) }
        try f.arrive("m.onnx", "M", role: .model)
        try f.arrive("late.csv", "late", role: .labelled)
        let run = try #require(try f.open(4, version: nil))
        try bind(f, run)
        #expect(try labels(f, of: run.run) == [1, 2, 3])
        try f.arrive("c.csv", "c2", role: .labelled)
        let decided = try f.ledger.write { (ledger) throws(LedgerError) in
            try ledger.close([RunClosing(run: run.run, outcome: .done(verdict: "published 1"))], at: f.now)
            return try ledger.decideLabels(run: run.run, .trained(verdict: "trained version 1"), unusable: [2: Fixture.explanation])
        }
        #expect(decided == [1, 2], "what was superseded meanwhile is not decided")
        #expect(try f.ledger.arrival(1)?.verdict == "trained version 1")
        #expect(try f.state(2) == .quarantined && f.state(3) == .superseded && f.state(5) == .waiting)
        #expect(try f.counts() == ["labelled done": 1, "labelled quarantined": 1, "labelled superseded": 1, "labelled waiting": 2, "model done": 1])
    }

    @Test func theTuningThatDidNotPassRejectsTheLabelsAndNotTheModel() throws {
        let f = try Fixture()
        try f.arrive("a.csv", "a", role: .labelled)
        try f.arrive("m.onnx", "M", role: .model)
        let run = try #require(try f.open(2, version: nil))
        try bind(f, run)
        try f.ledger.write { (ledger) throws(LedgerError) in
            _ = try ledger.intendVersion(run: run.run)
            _ = try ledger.publishVersion(
                run: run.run, modelDigest: "d", card: nil, training: TrainingRecord(rejection: "worse", metric: "mae", before: 1, after: 2), at: f.now)
            try ledger.close([RunClosing(run: run.run, outcome: .done(verdict: "published 1"))], at: f.now)
            _ = try ledger.decideLabels(run: run.run, .rejected(Fixture.explanation), unusable: [:])
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
        try f.ledger.close([RunClosing(run: try #require(try f.open(4, version: nil)).run, outcome: .rejected(Fixture.explanation))], at: f.now)
        #expect(try wait(6) == .forRoom, "data does not wait for labels")
    }
}
