import Arrivals
import FileSystem
import Foundation
import Ledger
import Logging
import PipelineConfig
import Reasons
import SystemPackage
import TestSupport
import Testing

@testable import Daemon
@testable import Watcher

/// The order in which files get their numbers while some of them are still being read. Who reads is the test.
@Suite struct IntakeTests {
    private let directory: TemporaryDirectory
    private let ledger: RunLedger
    private let intake: Intake
    private let conditions: ConditionBoard

    init() throws {
        directory = try TemporaryDirectory("intake")
        ledger = try RunLedger(stateDirectory: directory(".millrace"))
        conditions = ConditionBoard(ledger: ledger)
        intake = Intake(ledger: ledger, conditions: conditions, log: Logger(label: "intake") { _ in SwiftLogNoOpLogHandler() })
    }

    private func use(order: String = "data_after_models", _ names: String...) throws {
        let pipelines = try names.map { name in
            try PipelineFile.read(
                Array(
                    """
                    name: \(name)
                    spool: { models: \(name)/models, labelled: \(name)/labelled, data: \(name)/data }
                    \(order == "strict" ? "order: strict" : "")
                    schema: { key: [id], keep: [id], label: y }
                    stages: [ deserialize: {}, optimize: { gradient: { loss: mean_squared_error, optimizer: sgd } }, forward: {} ]
                    land: { models: out/\(name)/models, outputs: { path: out/\(name)/outputs, format: csv } }
                    """.utf8), source: "\(name).yaml", root: directory.path)
        }
        _ = intake.directories(for: pipelines)
    }

    private func complete(_ spool: SpoolID, _ path: String, size: Int64 = 10, changed: Int64 = 1, inode: Int64 = 1) -> SpoolEvent {
        .complete(
            CompleteFile(
                place: SpoolPlace(spool, path), stamp: .init(device: 1, inode: inode, size: size, changed: changed), format: nil,
                settledBy: .renamed, companions: [], endsWithNewline: nil, sequence: 0, settledIn: .zero))
    }

    private func read(_ job: HashJob, _ digest: String? = nil) -> Hashed {
        Hashed(
            job: job,
            result: .success(
                ArrivedFile(
                    job.place, digest: digest ?? job.place.path,
                    stamp: job.file.stamp, settledBy: job.file.settledBy.rawValue)))
    }

    private func unreadable(_ job: HashJob) -> Hashed {
        Hashed(job: job, result: .failure(.system(doing: "read", path: "a", errno: .ioError)))
    }

    /// The paths that get numbers now, in their order.
    private func numbered() throws -> [String] {
        try intake.number(at: .now, lost: { _ in }).flatMap(\.arrivals).sorted { $0.outcome.number < $1.outcome.number }.map(\.file.path)
    }

    @Test func whatIsReadFirstIsNotNumberedBeforeWhatCameFirst() throws {
        try use("a")
        let jobs = intake.take([
            complete("a/data", "2.csv", changed: 2), complete("a/data", "1.csv", changed: 1), complete("a/model", "m.onnx", changed: 9),
        ])
        #expect(jobs.map(\.place.path) == ["m.onnx", "1.csv", "2.csv"])
        _ = intake.take([read(jobs[2]), read(jobs[1])], at: .now)
        #expect(try numbered() == [])
        _ = intake.take([read(jobs[0])], at: .now)
        #expect(try numbered() == ["m.onnx", "1.csv", "2.csv"])
        #expect(intake.isIdle)
        #expect(try ledger.arrivals().map(\.settledBy) == ["renamed", "renamed", "renamed"])
    }

    /// Those who score a large file while it is read hear that it will not be numbered as it was.
    @Test func largeDataThatMovesOnIsToldOf() throws {
        try use("a")
        _ = intake.take([
            complete("a/data", "large.csv", size: 9 << 20), complete("a/data", "gone.csv", size: 9 << 20), complete("a/data", "small.csv"),
        ])
        #expect(intake.takeForgotten().isEmpty)
        let places = ["gone.csv", "small.csv"].map { SpoolPlace("a/data", $0) }
        _ = intake.take([complete("a/data", "large.csv", size: 9 << 20, changed: 2)] + places.map { .gone($0) })
        #expect(Set(intake.takeForgotten().map(\.path)) == ["large.csv", "gone.csv"] && intake.takeForgotten().isEmpty)
    }

    @Test(arguments: [false, true]) func largeDataHoldsUpWhatComesAfterItOnlyWhereTheOrderIsStrict(isStrict: Bool) throws {
        try use(order: isStrict ? "strict" : "", "a")
        let jobs = intake.take([
            complete("a/data", "large.csv", size: 400 << 30, changed: 1), complete("a/data", "small.csv", changed: 2),
        ])
        _ = intake.take([read(jobs[1])], at: .now)
        #expect(try numbered() == (isStrict ? [] : ["small.csv"]))
        _ = intake.take([read(jobs[0])], at: .now)
        #expect(try numbered() == (isStrict ? ["large.csv", "small.csv"] : ["large.csv"]))
    }

    @Test func aLargeModelHoldsUpItsOwnPipelineOnly() throws {
        try use("a", "b")
        let jobs = intake.take([
            complete("a/model", "m.onnx", size: 400 << 30), complete("a/data", "a.csv"), complete("b/data", "b.csv"),
        ])
        _ = intake.take([read(jobs[1]), read(jobs[2])], at: .now)
        #expect(try numbered() == ["b.csv"])
        _ = intake.take([read(jobs[0])], at: .now)
        #expect(try numbered() == ["m.onnx", "a.csv"])
    }

    @Test func aFileThatCannotBeReadWaitsAlone() throws {
        try use("a")
        let jobs = intake.take([complete("a/model", "m.onnx"), complete("a/data", "a.csv")])
        _ = intake.take([unreadable(jobs[0]), read(jobs[1])], at: .now)
        #expect(try numbered() == ["a.csv"])
        #expect(intake.isIdle && intake.unreadable == ["m.onnx: it cannot be read"])
        let due = try #require(intake.nextRetry)
        #expect(intake.dueAgain(at: due - .milliseconds(1)).isEmpty)
        let again = intake.dueAgain(at: due)
        #expect(again.map(\.place.path) == ["m.onnx"] && intake.nextRetry == nil && !intake.isIdle)
        _ = intake.take([unreadable(again[0])], at: due)
        #expect(try #require(intake.nextRetry) - due > .milliseconds(1500), "pauses grow")
        _ = intake.take([read(again[0])], at: due)
        #expect(try numbered() == ["m.onnx"] && intake.nextRetry == nil)
    }

    @Test func aFileThatChangesWhileItIsReadIsReadAgainInItsNewState() throws {
        try use("a")
        let first = intake.take([complete("a/data", "a.csv", inode: 1), complete("a/data", "b.csv")])
        #expect(intake.take([complete("a/data", "a.csv", inode: 1)]).isEmpty, "the same state")
        let second = intake.take([complete("a/data", "a.csv", inode: 2)])
        #expect(second.count == 1 && first[0].isCancelled)
        _ = intake.take([read(first[0], "old"), read(first[1]), read(second[0], "new")], at: .now)
        #expect(try numbered() == ["b.csv", "a.csv"])
        #expect(try ledger.arrivals().map(\.digest) == ["b.csv", "new"])
    }

    @Test func whatMovedOnIsLookedAtAgain() throws {
        try use("a")
        let jobs = intake.take([complete("a/data", "a.csv"), complete("a/data", "b.csv"), complete("a/data", "c.csv")])
        #expect(intake.take([.gone(SpoolPlace("a/data", "c.csv"))]).isEmpty && jobs[2].isCancelled)
        let again = intake.take([Hashed(job: jobs[0], result: .failure(.changedWhileRead("a.csv"))), read(jobs[1])], at: .now)
        #expect(again.map(\.path) == ["a.csv"])
        #expect(try numbered() == ["b.csv"])
        #expect(intake.isIdle)
    }

    /// A permission that is taken and given back in one go: the newest state counts.
    @Test func aFileThatMayBeReadAgainIsNotRefused() throws {
        try use("a")
        let refused = SpoolEvent.refused(
            RefusedEntry(
                place: SpoolPlace("a/data", "a.csv"), stamp: .init(device: 1, inode: 1, size: 10, changed: 1),
                explanation: Explanation(reason: "no", rule: .inputUnreadable, remedy: "r")))
        let jobs = intake.take([refused, complete("a/data", "a.csv", changed: 2)])
        _ = intake.take(jobs.map { read($0) }, at: .now)
        #expect(try intake.number(at: .now, lost: { _ in }).flatMap(\.refused).isEmpty)
        #expect(try ledger.arrivals().map(\.state) == [.waiting])
        // The other way round it is refused.
        _ = intake.take([complete("a/data", "a.csv", changed: 3), refused])
        #expect(try intake.number(at: .now, lost: { _ in }).flatMap(\.refused).count == 1)
    }

    /// Real files, several threads, pieces.
    @Test func thePoolReadsEveryFileInPieces() throws {
        try use("a", "b")
        var events: [SpoolEvent] = []
        var expected: [String: String] = [:]
        for (number, size) in [0, 10, 70_000, 40 << 20].enumerated() {
            for pipeline in ["a", "b"] {
                let bytes = [UInt8](repeating: UInt8(number), count: size)
                let path = try directory.write(bytes, to: "\(pipeline)/data/\(number).csv")
                expected["\(pipeline)/\(number).csv"] = FileDigest.of(bytes: bytes)
                let stamp = try FileDigest.of(FilePath(path)).stamp
                events.append(
                    complete(SpoolID(pipeline, .data), "\(number).csv", size: stamp.size, changed: stamp.changed, inode: stamp.inode))
                if case .complete(var file) = events.removeLast() {
                    file.stamp.device = stamp.device
                    events.append(.complete(file))
                }
            }
        }
        let results = BoundedQueue<[Hashed]>(capacity: 64)
        let pool = HashingPool(ledger: ledger, progress: { _, _ in }, finished: { results.put($0) })
        let threads = (0..<3).map { NamedThread("pool-\($0)") { pool.run() } }
        pool.submit(intake.take(events))
        var found: [String: String] = [:]
        while found.count < expected.count {
            for hashed in try #require(results.take(timeout: .seconds(30))) {
                let file = try hashed.result.get()
                found["\(file.pipeline)/\(file.path)"] = file.digest
            }
        }
        #expect(found == expected)
        pool.stop()
        _ = threads
    }

    // MARK: Signatures

    private func complete(signature: FileStamp?) -> SpoolEvent {
        guard case .complete(var file) = complete("p/model", "m.onnx") else { fatalError("it makes complete files") }
        file.signature = signature
        return .complete(file)
    }

    @Test func anotherSignatureIsReadAgain() throws {
        try use("p")
        let one = FileStamp(device: 1, inode: 8, size: 64, changed: 1)
        let first = try #require(intake.take([complete(signature: one)]).first)
        #expect(intake.take([complete(signature: one)]).isEmpty, "it is being read")
        var other = one
        other.changed += 1
        #expect(intake.take([complete(signature: other)]).count == 1)
        #expect(first.isCancelled)
    }

    @Test func aFileWithoutASignatureIsRefusedByItsOwnRule() throws {
        try use("p")
        let file = TruncatedFile(
            place: SpoolPlace("p/model", "m.onnx"), stamp: .init(device: 1, inode: 1, size: 1, changed: 1),
            reason: "its signature m.onnx.sig is not there", isUnsigned: true)
        _ = intake.take([.truncated(file)])
        let refused = try intake.number(at: .now, lost: { _ in }).flatMap(\.refused)
        #expect(refused.map(\.report.explanation.rule) == [.trustMissing])
        // Who retries it has the watcher look at it again, and it is not the same state any more that is on record.
        #expect(try ledger.isCurrent("p", .model, "m.onnx", file.stamp))
        let outcome = try ledger.write { (tx) throws(LedgerError) in try tx.retry(Selection(pipeline: "p")) }
        #expect(!outcome.isRefused && outcome.affected.map(\.path) == ["m.onnx"])
        #expect(try !ledger.isCurrent("p", .model, "m.onnx", file.stamp))
    }
}
