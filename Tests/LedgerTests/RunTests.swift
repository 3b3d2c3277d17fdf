import Arrivals
import Ledger
import LedgerSupport
import Reasons
import TestSupport
import Testing

/// Runs, attempts and publications: SEMANTICS 1, 13, 26, 29 as far as the ledger decides them.
@Suite struct RunTests {
    @Test func retriesKeepTheBinding() throws {
        let f = try Fixture()
        try f.arrive("a.csv", "A")
        let first = try #require(try f.open(1, version: 1, revision: "r1"))
        #expect(first.attempt == 1 && first.countedAttempts == 1 && first.kind == .normal)
        let next = f.now.advanced(by: .seconds(2))
        try f.ledger.attemptFailed(
            [FailedAttempt(run: first.number, outcome: "resource", error: "disk full", nextAttemptAt: next)], at: f.now)
        let waiting = try #require(try f.ledger.waiting(pipeline: "p", role: .data, limit: 1).first)
        #expect(waiting.run == first.number && waiting.boundVersion == 1 && waiting.boundRevision == "r1" && waiting.nextAttemptAt == next)
        #expect(try f.ledger.explain(path: "a.csv", now: f.now).first?.wait == .forRetry(at: next))
        let second = try #require(try f.open(1, version: 2, revision: "r2"))
        #expect(
            second.number == first.number && second.version == 1 && second.revision == "r1" && second.attempt == 2
                && second.countedAttempts == 2)
        #expect(try f.ledger.openRuns().first?.nextAttemptAt == nil)
        try f.ledger.close(
            [RunClosing(run: second.number, outcome: .done(verdict: nil), timings: ["read": 0.25, "run": 1], rowCount: 9)], at: f.now)
        #expect(try f.ledger.attempts(ofRun: first.number).map(\.outcome) == ["resource", "done"])
        let record = try #require(try f.ledger.run(first.number))
        #expect(record.timings == ["read": 0.25, "run": 1] && record.rowCount == 9 && record.attemptCount == 2 && record.closedAt == f.now)
    }

    /// An input has one output: what stands of it elsewhere is to go once another has landed, and not before.
    @Test func whatStandsElsewhereIsToGo() throws {
        let f = try Fixture()
        let number = try f.arrive("a.csv", "A").number
        try f.finish(number)
        #expect(try !f.apply(.replay(Selection(pipeline: "p", path: "a.csv"))).isRefused)
        let run = try #require(try f.open(number))
        _ = try f.ledger.intend([
            Intention(run: run.number, output: OutputFile(root: "/elsewhere", path: "a.csv", digest: "new", byteCount: 7))
        ])
        #expect(try f.ledger.publications(.leaving).isEmpty)
        try f.ledger.close([RunClosing(run: run.number, outcome: .done(verdict: nil))], at: f.now)
        let leaving = try f.ledger.publications(.leaving)
        #expect(leaving.map(\.output.absolutePath) == ["/out/a.parquet"])
        try f.ledger.write { (tx) throws(LedgerError) in try tx.left(leaving[0].number, isRemoved: false) }
        #expect(try f.ledger.publications(.leaving).isEmpty && f.ledger.publications(.left).count == 1)
        // Where it is what was there before, it is replaced.
        #expect(try !f.apply(.replay(Selection(pipeline: "p", path: "a.csv"))).isRefused)
        let again = try #require(try f.open(number))
        _ = try f.ledger.intend([
            Intention(run: again.number, output: OutputFile(root: "/elsewhere", path: "a.csv", digest: "newer", byteCount: 7))
        ])
        try f.ledger.close([RunClosing(run: again.number, outcome: .done(verdict: nil))], at: f.now)
        #expect(try f.ledger.publications(.leaving).isEmpty)
    }

    /// An output that is to go and still stands is no longer to go once another of the same input has taken its place.
    @Test func whatIsReplacedIsNotToGo() throws {
        let f = try Fixture()
        let number = try f.arrive("a.csv", "A").number
        try f.finish(number)
        func publishAgain(_ root: String, _ path: String, _ digest: String) throws {
            #expect(try !f.apply(.replay(Selection(pipeline: "p", path: "a.csv"))).isRefused)
            let run = try #require(try f.open(number)).number
            _ = try f.ledger.intend([Intention(run: run, output: OutputFile(root: root, path: path, digest: digest, byteCount: 7))])
            try f.ledger.close([RunClosing(run: run, outcome: .done(verdict: nil))], at: f.now)
        }
        try publishAgain("/elsewhere", "a.csv", "second")
        #expect(try f.ledger.publications(.leaving).map(\.output.root) == ["/out"])
        try publishAgain("/out", "a.parquet", "third")
        #expect(try f.ledger.publications(.leaving).map(\.output.root) == ["/elsewhere"])
    }

    @Test func handedBackAttemptsDoNotCount() throws {
        let f = try Fixture()
        try f.arrive("a.csv", "A")
        let run = try #require(try f.open(1)).number
        try f.ledger.attemptFailed(
            [FailedAttempt(run: run, outcome: "cancelled", error: "stopping", nextAttemptAt: nil, counts: false)], at: f.now)
        let again = try #require(try f.open(1))
        #expect(again.attempt == 2 && again.countedAttempts == 1)
        try f.ledger.interrupted([run], at: f.now)
        #expect(try #require(try f.open(1)).countedAttempts == 1, "nor does one that the daemon died in")
        #expect(try f.ledger.attempts(ofRun: run).map(\.outcome) == ["cancelled", "interrupted", "running"])
    }

    @Test func aRunIsClosedOnce() throws {
        let f = try Fixture()
        try f.arrive("a.csv", "A")
        let run = try f.finish(1)
        #expect(throws: LedgerError.notOpen(run: run.number, state: .done)) {
            try f.ledger.close([RunClosing(run: run.number, outcome: .done(verdict: nil))], at: f.now)
        }
        #expect(throws: LedgerError.notOpen(run: run.number, state: .done)) {
            _ = try f.ledger.intend([Intention(run: run.number, output: OutputFile(root: "/out", path: "x", digest: "d", byteCount: 1))])
        }
        #expect(throws: LedgerError.noSuchRun(99)) { try f.ledger.close([RunClosing(run: 99, outcome: .gone)], at: f.now) }
        #expect(throws: LedgerError.noSuchArrival(99)) { _ = try f.open(99) }
    }

    @Test func aTransactionThatThrowsLeavesNothing() throws {
        let f = try Fixture()
        try f.arrive("a.csv", "A")
        #expect(throws: LedgerError.noSuchRun(99)) {
            try f.ledger.write { (ledger) throws(LedgerError) in
                _ = try ledger.arrive([f.file("b.csv", "B", in: "new")], at: f.now)
                try ledger.close([RunClosing(run: 99, outcome: .gone)], at: f.now)
            }
        }
        #expect(try f.ledger.arrivals().map(\.path) == ["a.csv"])
        #expect(try f.ledger.counts(pipeline: "new").isEmpty)
        #expect(try f.arrive("b.csv", "B", in: "new").number == 2, "names that went with the rollback are made again")
        #expect(try f.counts(in: "new") == ["data waiting": 1])
    }

    // MARK: Publications

    @Test func nothingIsPublishedBeforeTheRunIsDone() throws {
        let f = try Fixture()
        try f.arrive("a.csv", "A")
        let run = try #require(try f.open(1)).number
        let intention = Intention(run: run, output: OutputFile(root: "/out", path: "a.parquet", digest: "d1", byteCount: 5))
        guard case .intended(let number, replaces: nil) = try f.ledger.intend([intention])[0] else {
            Issue.record("it is not .intended"); return
        }
        #expect(try f.ledger.openRuns().flatMap(\.intended).map(\.number) == [number])
        #expect(try f.ledger.published().isEmpty)
        let open = try #require(try f.ledger.openRuns().first)
        #expect(open.intended.map(\.output.digest) == ["d1"] && open.arrival.path == "a.csv" && open.attempt == 1)
        try f.ledger.close([RunClosing(run: run, outcome: .done(verdict: nil))], at: f.now)
        #expect(try f.ledger.openRuns().isEmpty)
        let published = try #require(try f.ledger.published().first)
        #expect(
            published.output.digest == "d1" && published.inputPath == "a.csv" && published.publishedAt == f.now
                && published.output.byteCount == 5)
    }

    @Test(arguments: [
        RunClosing.Outcome.rejected(Fixture.explanation), .quarantined(Fixture.explanation), .void(reason: "changed"), .gone,
    ])
    func whatDoesNotEndDonePublishesNothing(outcome: RunClosing.Outcome) throws {
        let f = try Fixture()
        try f.arrive("a.csv", "A")
        try f.finish(1, content: "old")
        try f.arrive("a.csv", "B")
        let run = try #require(try f.open(2)).number
        guard
            case .intended(_, replaces: let old?) = try f.ledger.intend(
                [Intention(run: run, output: OutputFile(root: "/out", path: "a.parquet", digest: "new", byteCount: 5))])[0]
        else { Issue.record("it is not .intended"); return }
        #expect(old.output.digest == "old" && old.arrival == 1)
        try f.ledger.close([RunClosing(run: run, outcome: outcome)], at: f.now)
        #expect(try f.ledger.owner(root: "/out", path: "a.parquet")?.output.digest == "old")
        #expect(try f.ledger.publications(ofRun: run).map(\.state) == [.removed])
        #expect(try f.ledger.attempts(ofRun: run).count == 1)
    }

    @Test func aFailedAttemptTakesItsIntentionsBack() throws {
        let f = try Fixture()
        try f.arrive("a.csv", "A")
        let run = try #require(try f.open(1)).number
        _ = try f.ledger.intend([Intention(run: run, output: OutputFile(root: "/out", path: "a.parquet", digest: "first", byteCount: 5))])
        try f.ledger.interrupted([run], at: f.now)
        #expect(try f.ledger.owner(root: "/out", path: "a.parquet") == nil)
        try f.finish(1, content: "second")
        #expect(try f.ledger.publications(ofRun: run).map(\.state) == [.removed, .published])
        #expect(try f.ledger.published().map(\.output.digest) == ["second"])
    }

    @Test func anOutputPathOfAnotherInputIsNotIntended() throws {
        let f = try Fixture()
        try f.arrive("a.csv", "A")
        try f.finish(1)
        try f.arrive("b.csv", "B", in: "q")
        let run = try #require(try f.open(2)).number
        guard
            case .owned(let owner) = try f.ledger.intend(
                [Intention(run: run, output: OutputFile(root: "/out", path: "a.parquet", digest: "new", byteCount: 5))])[0]
        else { Issue.record("it is not .owned"); return }
        #expect(owner.inputPath == "a.csv" && owner.pipeline == "p")
        #expect(try f.ledger.openRuns().allSatisfy(\.intended.isEmpty))
        try f.execute("UPDATE publications SET ended = 'removed' WHERE id = \(owner.number)")
        #expect(try f.ledger.published().isEmpty)
        guard
            case .intended(_, replaces: nil) = try f.ledger.intend(
                [Intention(run: run, output: OutputFile(root: "/out", path: "a.parquet", digest: "new", byteCount: 5))])[0]
        else { Issue.record("it is not .intended"); return }
    }

    @Test func aReplacementGoesWhereTheFirstWent() throws {
        let f = try Fixture()
        try f.arrive("a.csv", "A")
        try f.finish(1)
        try f.arrive("a.csv", "B")
        #expect(try f.ledger.lastPublications(pipeline: "p", role: .data, path: "a.csv").map(\.output.path) == ["a.parquet"])
        #expect(try f.ledger.lastPublications(pipeline: "p", role: .data, path: "b.csv").isEmpty)
    }

    @Test func onlyAPathsFirstRunHasNothingToReplace() throws {
        let f = try Fixture()
        try f.arrive("a.csv", "A")
        #expect(try f.finish(1).mayReplace == false)
        _ = try f.apply(.replay(Selection(arrival: 1)))
        #expect(try f.finish(1).mayReplace)
        try f.arrive("a.csv", "B")
        #expect(try f.finish(2).mayReplace)
        try f.arrive("b.csv", "B")
        #expect(try f.finish(3).mayReplace == false)
    }

    /// What the daemon takes over as it numbers files is what it would read.
    @Test func aNewArrivalWaitsAsTheFileSays() throws {
        let f = try Fixture()
        var model = f.file("m.onnx", "M", role: .model)
        model.companions = [Companion(path: "w.bin", digest: "sha-w", stamp: f.stamp())]
        for file in [model, f.file("a.csv", "A")] {
            let number = try f.ledger.arrive([file], at: f.now)[0].number
            #expect(try f.ledger.waiting(pipeline: "p", role: file.role, limit: 10) == [WaitingArrival(number, file, arrivedAt: f.now)])
        }
    }

    @Test func publishedFilesComeInPages() throws {
        let f = try Fixture()
        for index in 0..<7 {
            let number = try f.arrive("f\(index).csv", "\(index)").number
            try f.finish(number)
        }
        var paths: [String] = []
        var last: Publication?
        while true {
            let page = try f.ledger.published(after: last, limit: 3)
            if page.isEmpty { break }
            paths += page.map(\.output.path)
            last = page.last
        }
        #expect(paths == (0..<7).map { "f\($0).parquet" })
    }

    // MARK: Retry and replay

    @Test func retryGoesOnWithTheRunAndCountsAfresh() throws {
        let f = try Fixture()
        try f.arrive("a.csv", "A")
        let run = try #require(try f.open(1, version: 1)).number
        try f.ledger.close([RunClosing(run: run, outcome: .quarantined(Fixture.explanation))], at: f.now)
        #expect(try f.ledger.run(run)?.explanation == Fixture.explanation)
        let outcome = try f.apply(.retry(Selection(path: "a.csv")))
        #expect(!outcome.isRefused && outcome.affected.map(\.arrival) == [1])
        #expect(try f.ledger.arrival(1)?.explanation == nil)
        let again = try #require(try f.open(1, version: 2))
        #expect(again.number == run && again.version == 1 && again.attempt == 2 && again.countedAttempts == 1)
        #expect(try f.ledger.runs(RunFilter(arrival: 1)).count == 1)
    }

    @Test func retryByRunEndsTheWaitForALaterAttempt() throws {
        let f = try Fixture()
        try f.arrive("a.csv", "A")
        let run = try #require(try f.open(1)).number
        try f.ledger.attemptFailed(
            [FailedAttempt(run: run, outcome: "resource", error: "disk full", nextAttemptAt: f.now.advanced(by: .seconds(3600)))], at: f.now
        )
        #expect(try f.apply(.retry(Selection(run: run))).affected.count == 1)
        #expect(try f.ledger.waiting(pipeline: "p", role: .data, limit: 1).first?.nextAttemptAt == nil)
    }

    @Test func thereIsNothingToRetryInWhatIsDone() throws {
        let f = try Fixture()
        try f.arrive("a.csv", "A")
        #expect(try f.apply(.retry(Selection(path: "a.csv"))).isRefused, "not tried yet")
        try f.finish(1)
        #expect(try f.apply(.retry(Selection(path: "a.csv"))).isRefused)
        #expect(try f.apply(.retry(Selection(path: "nowhere.csv"))).isRefused)
    }

    @Test func onlyReplayMakesAnotherRun() throws {
        let f = try Fixture()
        try f.arrive("a.csv", "A")
        let first = try f.finish(1, version: 1, content: "old")
        #expect(try f.apply(.replay(Selection(path: "a.csv"))).affected.map(\.arrival) == [1])
        let waiting = try #require(try f.ledger.waiting(pipeline: "p", role: .data, limit: 1).first)
        #expect(waiting.isReplay && waiting.run == nil && waiting.boundVersion == nil)
        let second = try f.finish(1, version: 2, revision: "r2", content: "new")
        #expect(second.number != first.number && second.kind == .replay && second.version == 2)
        #expect(try f.ledger.owner(root: "/out", path: "a.parquet")?.output.digest == "new")
        #expect(try f.ledger.runs(RunFilter(path: "a.csv")).map(\.kind) == [.replay, .normal])
        #expect(try f.state(1) == .done)
        #expect(try f.counts() == ["data done": 1])
    }

    @Test func aReplayThatFailsLeavesWhatWasDone() throws {
        let f = try Fixture()
        try f.arrive("a.csv", "A")
        try f.finish(1, content: "old")
        _ = try f.apply(.replay(Selection(pipeline: "p")))
        let run = try #require(try f.open(1, version: 2)).number
        try f.ledger.attemptFailed([FailedAttempt(run: run, outcome: "resource", error: "x", nextAttemptAt: nil)], at: f.now)
        #expect(try f.open(1, version: 3)?.number == run)
        try f.ledger.close([RunClosing(run: run, outcome: .quarantined(Fixture.explanation))], at: f.now)
        #expect(try f.state(1) == .done)
        #expect(try f.ledger.run(run)?.state == .quarantined)
        #expect(try f.ledger.owner(root: "/out", path: "a.parquet")?.output.digest == "old")
        #expect(try f.counts() == ["data done": 1])
    }

    @Test func aReplayThatNewContentOvertakesLeavesWhatWasDone() throws {
        let f = try Fixture()
        try f.arrive("a.csv", "A")
        try f.finish(1)
        _ = try f.apply(.replay(Selection(arrival: 1)))
        try f.arrive("a.csv", "B")
        #expect(try f.state(1) == .done)
        #expect(try f.waiting() == [2])
        #expect(try f.apply(.replay(Selection(arrival: 1))).isRefused, "its content is no longer there")
    }

    @Test func replaySelectsByAllThatIsGiven() throws {
        let f = try Fixture()
        for (path, content) in [("a.csv", "A"), ("b.csv", "B")] { try f.finish(try f.arrive(path, content).number) }
        f.now = f.now.advanced(by: .seconds(60))
        try f.finish(try f.arrive("c.csv", "C").number)
        try f.finish(try f.arrive("d.csv", "D", in: "q").number, content: "q")
        #expect(try f.apply(.replay(Selection(pipeline: "p", since: f.now))).affected.map(\.path) == ["c.csv"])
        #expect(try f.apply(.replay(Selection(pipeline: "none"))).isRefused)
        #expect(try f.apply(.replay(Selection(role: .data, state: .done))).affected.map(\.arrival) == [1, 2, 4])
    }

    // MARK: Recovery

    @Test func whatAKilledDaemonLeftIsFoundAndGoesOn() throws {
        let f = try Fixture()
        for path in ["a.csv", "b.csv", "c.csv"] { try f.arrive(path, path) }
        let a = try #require(try f.open(1)).number
        let b = try #require(try f.open(2)).number
        _ = try f.ledger.intend([Intention(run: b, output: OutputFile(root: "/out", path: "b.parquet", digest: "d", byteCount: 1))])
        try f.reopen()
        let open = try f.ledger.openRuns()
        #expect(open.map(\.number) == [a, b] && open.map(\.intended.count) == [0, 1])
        try f.ledger.interrupted([a], at: f.now)
        try f.ledger.close([RunClosing(run: b, outcome: .done(verdict: nil))], at: f.now)  // found in place
        #expect(try f.waiting() == [1, 3])
        #expect(try f.ledger.attempts(ofRun: a).map(\.outcome) == ["interrupted"])
        #expect(try f.counts() == ["data done": 1, "data waiting": 2])
    }

    @Test func whatAnEditWouldRedoIsWhatIsDoneUnderAnotherRevision() throws {
        let f = try Fixture()
        try f.finish(try f.arrive("a.csv", "A").number, revision: "r1")
        try f.finish(try f.arrive("b.csv", "B").number, revision: "r2")
        try f.finish(try f.arrive("c.csv", "C").number, revision: "r1")
        try f.finish(try f.arrive("c.csv", "D").number, revision: "r1")
        try f.arrive("d.csv", "E")
        #expect(try f.ledger.outdated(pipeline: "p", revision: "r2", former: "f2").map(\.arrival) == [1, 4])
        #expect(try f.ledger.outdated(pipeline: "p", revision: "r2", former: "f2", after: 1).map(\.path) == ["c.csv"])
        #expect(try f.ledger.outdated(pipeline: "p", revision: "r1", former: "f1", limit: 1).map(\.arrival) == [2])
        #expect(
            try f.ledger.outdated(pipeline: "p", revision: "r3", former: "r1").map(\.arrival) == [2], "what the same file was called before"
        )
    }

    @Test func theWindowPagesInArrivalOrder() throws {
        let f = try Fixture()
        _ = try f.ledger.arrive((0..<10).map { f.file("f\($0).csv", "\($0)") }, at: f.now)
        _ = try f.open(2)
        #expect(try f.ledger.waiting(pipeline: "p", role: .data, limit: 3).map(\.number) == [1, 3, 4])
        #expect(try f.ledger.waiting(pipeline: "p", role: .data, after: 4, limit: 3).map(\.number) == [5, 6, 7])
        #expect(try f.ledger.waiting(pipeline: "p", role: .model, limit: 3).isEmpty)
    }

    /// New content that comes while the old one runs: should that attempt fail, there is nothing to try again.
    @Test func aRunWhoseFileWasReplacedIsNotTriedAgain() throws {
        let f = try Fixture()
        let old = try f.arrive("a.csv", "A").number
        let run = try #require(try f.open(old))
        let new = try f.arrive("a.csv", "B").number
        #expect(try f.state(old) == .running)
        try f.ledger.attemptFailed(
            [FailedAttempt(run: run.number, outcome: "machine", error: "disk full", nextAttemptAt: f.now, counts: false)], at: f.now)
        #expect(try f.state(old) == .superseded && f.waiting() == [new])
        #expect(try f.counts() == ["data superseded": 1, "data waiting": 1])
        #expect(try f.open(old) == nil)
        // The daemon was killed while it ran.
        let later = try #require(try f.open(new))
        try f.arrive("a.csv", "C")
        try f.ledger.write { (ledger) throws(LedgerError) in try ledger.interrupted([later.number], at: f.now) }
        #expect(try f.state(new) == .superseded)
    }
}
