import Arrivals
import GRDB
import Ledger
import LedgerSupport
import Reasons
import TestSupport
import Testing

/// A ledger in a directory of its own, a clock that stands where it is put, and short ways to say what arrives.
final class Fixture {
    let directory: TemporaryDirectory
    private(set) var ledger: RunLedger
    var now = UTCTime(milliseconds: 1_900_000_000_000)
    private var inode: Int64 = 1000
    /// By version.
    private var floats: [Int: String] = [:]

    init() throws {
        directory = try TemporaryDirectory("ledger")
        ledger = try RunLedger(stateDirectory: directory(".millrace"))
    }

    var stateDirectory: String { directory(".millrace") }

    /// As after the daemon ended and started again.
    func reopen() throws { ledger = try RunLedger(stateDirectory: stateDirectory) }

    func stamp(size: Int64 = 100) -> FileStamp {
        inode += 1
        return FileStamp(device: 1, inode: inode, size: size, changed: inode * 1_000_000)
    }

    func file(
        _ path: String, _ content: String, role: ArrivalRole = .data, in pipeline: String = "p", size: Int64 = 100, key: String? = nil
    ) -> ArrivedFile {
        let stem = String(path.prefix { $0 != "." })
        return ArrivedFile(
            SpoolPlace(pipeline: pipeline, role: role, path: path), digest: "sha-\(content)", stamp: stamp(size: size),
            outputKey: role == .data ? key ?? stem : nil)
    }

    @discardableResult
    func arrive(_ path: String, _ content: String, role: ArrivalRole = .data, in pipeline: String = "p") throws -> ArrivalOutcome {
        try ledger.arrive([file(path, content, role: role, in: pipeline)], at: now)[0]
    }

    func open(_ arrival: Int64, version: Int? = 1, revision: String = "r1") throws -> OpenedRun? {
        try ledger.open([RunOpening(arrival: arrival, version: version, revision: revision)], at: now)[0].run
    }

    /// Opens, publishes `path`'s stem under `out`, closes.
    @discardableResult
    func finish(_ arrival: Int64, version: Int? = 1, revision: String = "r1", content: String = "out") throws -> OpenedRun {
        let run = try #require(try open(arrival, version: version, revision: revision))
        let input = try #require(try ledger.arrival(arrival))
        if input.role == .data {
            let stem = String(input.path.prefix { $0 != "." })
            _ = try ledger.intend([
                Intention(run: run.number, output: OutputFile(root: "/out", path: stem + ".parquet", digest: content, byteCount: 7))
            ])
        }
        try ledger.close([RunClosing(run: run.number, outcome: .done(verdict: nil))], at: now)
        return run
    }

    /// A model that arrives and is published; returns its version.
    @discardableResult
    func publishModel(_ content: String, as path: String? = nil, parent: Int? = nil) throws -> Int {
        let number = try arrive(path ?? content + ".onnx", content, role: .model).number
        let run = try #require(try open(number, version: nil))
        return try ledger.write { (ledger) throws(LedgerError) in
            let version = try ledger.intendVersion(run: run.number, parent: parent)
            _ = try ledger.publishVersion(
                run: run.number, modelDigest: "published-" + content, card: "\(version)/card.json",
                parentDigest: parent.map { floats[$0]! },
                floatDigest: "float-" + content, at: now)
            floats[version] = "float-" + content
            try ledger.close([RunClosing(run: run.number, outcome: .done(verdict: "published \(version)"))], at: now)
            return version
        }
    }

    func state(_ arrival: Int64) throws -> ArrivalState? { try ledger.arrival(arrival)?.state }

    func waiting(_ role: ArrivalRole = .data, in pipeline: String = "p") throws -> [Int64] {
        try ledger.waiting(pipeline: pipeline, role: role, limit: 1000).map(\.number)
    }

    func apply(_ request: Request) throws -> RequestOutcome {
        let now = now
        return try ledger.write { (ledger) throws(LedgerError) in try ledger.apply(request, by: "test", at: now) }
    }

    /// Straight into the file, as no part of ours does.
    func execute(_ sql: String) throws {
        let database = try DatabaseQueue(path: ledger.path)
        try database.writeWithoutTransaction { try $0.execute(sql: sql) }
        try database.close()
    }

    func counts(in pipeline: String = "p") throws -> [String: Int] {
        let counts = try ledger.counts(pipeline: pipeline)
        return Dictionary(uniqueKeysWithValues: counts.map { ("\($0.role) \($0.state)", $0.count) })
    }

    static let explanation = Explanation(reason: "row 3 has no number", rule: .dataValue, remedy: "Repair row 3.")
}
