import Arrivals
import Ledger
import LedgerSupport
import Reasons
import TestSupport
import Testing

/// Model versions: SEMANTICS 4, 5, 23, 26.
@Suite struct VersionTests {
    @Test func versionsAreNumberedByPipelineAndOnlyWhenPublished() throws {
        let f = try Fixture()
        #expect(try f.publishModel("A") == 1)
        try f.arrive("bad.onnx", "X", role: .model)
        let bad = try #require(try f.open(2, version: nil)).number
        try f.ledger.write { (ledger) throws(LedgerError) in
            #expect(try ledger.intendVersion(run: bad) == 2)
            #expect(try ledger.intendVersion(run: bad) == 2, "the same run gets the same number")
            try ledger.rejectVersion(run: bad, reason: "wrong signature", at: f.now)
            try ledger.close([RunClosing(run: bad, outcome: .rejected(Fixture.explanation))], at: f.now)
        }
        #expect(try f.publishModel("B", parent: 1) == 2)
        let versions = try f.ledger.versions(pipeline: "p")
        try #require(versions.map(\.version) == [1, nil, 2])
        #expect(versions.map(\.verdict) == [.published, .rejected, .published])
        #expect(versions.map(\.isActive) == [false, false, true])
        #expect(versions[1].reason == "wrong signature" && versions[2].parent == 1)
        #expect(versions[2].modelDigest == "published-B" && versions[2].sourceDigest == "sha-B" && versions[2].card == "2/card.json")
    }

    @Test func aReservedNumberOutlivesARestartAndIsGivenBackWhenNothingComesOfIt() throws {
        let f = try Fixture()
        try f.arrive("m.onnx", "M", role: .model)
        let run = try #require(try f.open(1, version: nil)).number
        try f.ledger.write { (ledger) throws(LedgerError) in _ = try ledger.intendVersion(run: run) }
        try f.reopen()
        #expect(try f.ledger.openRuns().first?.intendedVersion == 1)
        try f.ledger.interrupted([run], at: f.now)
        _ = try f.open(1, version: nil)
        try f.ledger.close([RunClosing(run: run, outcome: .quarantined(Fixture.explanation))], at: f.now)
        #expect(try f.publishModel("N") == 1)
    }

    @Test func goingBackHoldsForWhatArrivesAfterTheCommand() throws {
        let f = try Fixture()
        try f.publishModel("A")
        try f.publishModel("B")
        try f.arrive("a.csv", "A")
        let outcome = try f.apply(.activate(pipeline: "p", version: 1))
        #expect(outcome.activation?.position == 3 && outcome.activation?.version == 1)
        #expect(try f.ledger.activeVersion(pipeline: "p") == 1)
        let history = try f.ledger.activations(pipeline: "p")
        #expect(history.map(\.version) == [1, 2, 1] && history.map(\.position) == [1, 2, 3])
        try f.publishModel("C")
        #expect(try f.ledger.activeVersion(pipeline: "p") == 3)
    }

    @Test func aModelFromBeforeTheCommandDoesNotOverruleIt() throws {
        let f = try Fixture()
        try f.publishModel("A")
        let number = try f.arrive("late.onnx", "L", role: .model).number
        try f.arrive("a.csv", "A")
        _ = try f.apply(.activate(pipeline: "p", version: 1))
        let run = try #require(try f.open(number, version: nil)).number
        try f.ledger.write { (ledger) throws(LedgerError) in
            _ = try ledger.intendVersion(run: run)
            _ = try ledger.publishVersion(run: run, modelDigest: "d", card: nil, at: f.now)
            try ledger.close([RunClosing(run: run, outcome: .done(verdict: "published 2"))], at: f.now)
        }
        #expect(try f.ledger.activations(pipeline: "p").map(\.version) == [1, 2, 1])
        #expect(try f.ledger.activeVersion(pipeline: "p") == 1)
    }

    @Test func onlyWhatIsThereCanBeActivated() throws {
        let f = try Fixture()
        try f.publishModel("A")
        for content in ["B", "C"] { try f.publishModel(content) }
        #expect(try f.ledger.prune(pipeline: "p", keep: 1, at: f.now) == [1, 2])
        #expect(throws: LedgerError.prunedVersion(pipeline: "p", version: 1)) {
            _ = try f.ledger.activate(pipeline: "p", version: 1, cause: "test", at: f.now)
        }
        #expect(try f.apply(.activate(pipeline: "p", version: 9)).isRefused)
        #expect(try f.apply(.activate(pipeline: "none", version: 1)).isRefused)
        #expect(try f.ledger.activeVersion(pipeline: "p") == 3)
        #expect(try f.publishModel("D") == 4, "numbers of pruned versions are not used again")
    }

    @Test func pruningKeepsTheActiveVersion() throws {
        let f = try Fixture()
        for content in ["A", "B", "C", "D"] { try f.publishModel(content) }
        _ = try f.ledger.activate(pipeline: "p", version: 2, cause: "test", at: f.now)
        #expect(try f.ledger.prune(pipeline: "p", keep: 1, at: f.now) == [1, 3])
        #expect(try f.ledger.versions(pipeline: "p").filter { !$0.isPruned }.map(\.version) == [2, 4])
        #expect(try f.ledger.prune(pipeline: "p", keep: 1, at: f.now) == [])
    }

    /// A pinned version stays in force and is never pruned, whatever is published meanwhile, until it is unpinned.
    @Test func aPinnedVersionStaysUntilItIsUnpinned() throws {
        let f = try Fixture()
        for content in ["A", "B"] { try f.publishModel(content) }
        #expect(try !f.apply(.pin(pipeline: "p", version: 1)).isRefused)
        for content in ["C", "D", "E"] { try f.publishModel(content) }
        try f.reopen()
        #expect(try f.ledger.pinnedVersion(pipeline: "p") == 1 && f.ledger.activeVersion(pipeline: "p") == 1)
        let now = f.now
        #expect(try f.ledger.write { (tx) throws(LedgerError) in try tx.prune(pipeline: "p", keep: 1, at: now) } == [2, 3, 4])
        let refused = try f.apply(.activate(pipeline: "p", version: 5))
        #expect(refused.isRefused && refused.message.contains("--unpin"), "\(refused)")
        #expect(try !f.apply(.activate(pipeline: "p", version: 1)).isRefused)
        #expect(try !f.apply(.unpin(pipeline: "p")).isRefused)
        #expect(try f.ledger.pinnedVersion(pipeline: "p") == nil && f.ledger.activeVersion(pipeline: "p") == 1, "nothing changes by itself")
        #expect(try !f.apply(.activate(pipeline: "p", version: 5)).isRefused)
        #expect(try f.ledger.write { (tx) throws(LedgerError) in try tx.prune(pipeline: "p", keep: 1, at: now) } == [1])
    }

    @Test func parentsArePrunedButNotTheFloatModelsOfWhatStays() throws {
        let f = try Fixture()
        try f.publishModel("A")
        try f.publishModel("B", parent: 1)
        try f.publishModel("C")
        try f.publishModel("D", parent: 2)
        #expect(try f.ledger.floatModelsInUse(pipeline: "p") == ["float-A", "float-B", "float-C", "float-D"])
        #expect(try f.ledger.prune(pipeline: "p", keep: 1, at: f.now) == [1, 2, 3])
        #expect(try f.ledger.floatModelsInUse(pipeline: "p") == ["float-D", "float-B"])
        #expect(try f.ledger.modelsInUse() == ["published-D"])
    }

    @Test func pruningKeepsWhatWaitingDataAndOpenRunsNeed() throws {
        let f = try Fixture()
        try f.publishModel("A")
        try f.arrive("running.csv", "x")
        _ = try f.open(2, version: 1)
        try f.publishModel("B")
        try f.publishModel("C")
        try f.arrive("waiting.csv", "y")
        try f.publishModel("D")
        #expect(try f.ledger.prune(pipeline: "p", keep: 1, at: f.now) == [2])
    }

    @Test func revisionsCanBeLookedUp() throws {
        let f = try Fixture()
        try f.ledger.write { (ledger) throws(LedgerError) in try ledger.keepRevision("r1", body: "{\"stages\":[]}") }
        #expect(try f.ledger.revision("r1") == "{\"stages\":[]}")
        #expect(try f.ledger.revision("r2") == nil)
    }

    @Test func theFirstColumnOrderUnderARevisionStays() throws {
        let f = try Fixture()
        func pin(_ columns: [String: [String]], _ revision: String) throws -> [String: [String]] {
            try f.ledger.write { (ledger) throws(LedgerError) in
                try ledger.pinColumns(columns, pipeline: "p", revision: revision, arrival: 1)
            }
        }
        #expect(try f.ledger.columnOrders(pipeline: "p", revision: "r1").isEmpty)
        #expect(try pin(["x": ["a", "b"]], "r1") == ["x": ["a", "b"]])
        #expect(try pin(["x": ["b", "a"], "y": ["c"]], "r1") == ["x": ["a", "b"], "y": ["c"]])
        #expect(try pin(["x": ["b", "a"]], "r2") == ["x": ["b", "a"]])
        try f.reopen()
        #expect(try f.ledger.columnOrders(pipeline: "p", revision: "r1") == ["x": ["a", "b"], "y": ["c"]])
    }

    @Test func aLostLedgerIsRestored() throws {
        let f = try Fixture()
        let model = f.file("m.onnx", "M", role: .model)
        let first = f.file("a.csv", "A")
        let second = f.file("a.csv", "B")
        func data(_ number: Int64, _ file: ArrivedFile, _ digest: String) -> RestoredResult {
            RestoredResult(
                number: number, file: file, publishedAt: f.now, revision: "r1", scoredBy: 1,
                product: .output(.init(root: "/out", path: "a.parquet", digest: digest, byteCount: 3)))
        }
        func version(_ number: Int, after: Int64) -> RestoredResult {
            RestoredResult(
                number: 2, file: model, publishedAt: f.now.advanced(by: .seconds(after)), revision: "r1",
                product: .version(.init(number: number, digest: "published-\(number)", card: "\(number)/card.json", isPruned: false)))
        }
        // The model was replayed, so that one arrival has two versions.
        let restored = [data(9, second, "new"), version(2, after: 5), data(5, first, "old"), version(1, after: 0)]
        func restore() throws -> [RestorationOutcome] {
            try f.ledger.write { (ledger) throws(LedgerError) in try ledger.restore(restored, of: "p").outcomes }
        }
        #expect(try restore() == Array(repeating: .restored, count: 4))
        #expect(try restore() == Array(repeating: .known, count: 4))
        #expect(try f.counts() == ["data done": 2, "model done": 1])
        #expect(try f.ledger.owner(root: "/out", path: "a.parquet")?.output.digest == "new")
        #expect(try f.ledger.published().count == 1)
        #expect(try f.arrive("a.csv", "B") == .unchanged(9))
        #expect(try f.arrive("m2.onnx", "M", role: .model) == .known(10, sameAs: 2, state: .done))
        #expect(try f.ledger.activeVersion(pipeline: "p") == 2)
        #expect(try f.ledger.runs(RunFilter(path: "m.onnx")).map(\.kind) == [.replay, .normal])
    }

    @Test func numbersThatAreTakenAndWhatIsNotDoneYet() throws {
        let f = try Fixture()
        try f.arrive("other.csv", "O")
        try f.arrive("b.csv", "B")
        func output(_ number: Int64, _ name: String, _ content: String, at path: String) -> RestoredResult {
            RestoredResult(
                number: number, file: f.file(name, content), publishedAt: f.now, revision: "r1", scoredBy: 1,
                product: .output(.init(root: "/out", path: path, digest: "d-" + content, byteCount: 3)))
        }
        // Number 1 is another file's, b.csv waits under the number that it has now, and the last is in the place of another's output.
        let restored = [
            output(1, "a.csv", "A", at: "a.parquet"), output(7, "b.csv", "B", at: "b.parquet"), output(3, "c.csv", "C", at: "a.parquet"),
        ]
        let (outcomes, numbers) = try f.ledger.write { (ledger) throws(LedgerError) in try ledger.restore(restored, of: "p") }
        #expect(outcomes[0] == .restored && outcomes[1] == .restored)
        guard case .left(let why) = outcomes[2] else { Issue.record("\(outcomes)"); return }
        #expect(why.contains("/out/a.parquet is the output of a.csv"))
        #expect(numbers == [1: 8, 7: 2, 3: 3])
        #expect(try f.ledger.arrival(2)?.state == .done)
        #expect(try f.ledger.arrival(1)?.state == .waiting)
    }
}
