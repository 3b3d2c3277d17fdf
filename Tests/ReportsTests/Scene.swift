import Arrivals
import FileSystem
import Foundation
import Ledger
import PipelineConfig
import Reasons
import Reports
import SystemPackage
import TestSupport
import Testing

/// A root on disk with one pipeline `p` and a ledger, without a daemon.
final class Scene {
    static let yaml = """
        name: p
        spool: { models: spool/models, data: spool/data }
        schema: { key: [id] }
        stages: [ deserialize: {}, forward: {} ]
        land: { models: out/models, outputs: { path: out/outputs, format: csv } }
        """

    let directory: TemporaryDirectory
    let root: RootFolder
    let pipeline: Pipeline
    let now = UTCTime(milliseconds: 1_900_000_000_000)
    let ledger: RunLedger

    init() throws {
        directory = try TemporaryDirectory("reports")
        root = RootFolder(path: directory.path)
        try directory.write(Self.yaml, to: "pipelines/p.yaml")
        pipeline = try PipelineFile.load(path: directory("pipelines/p.yaml"), root: directory.path)
        for folder in ["spool/models", "spool/data", "out/outputs"] {
            try FileManager.default.createDirectory(atPath: directory(folder), withIntermediateDirectories: true)
        }
        ledger = try RunLedger(stateDirectory: directory(".millrace"))
    }

    /// Writes a data file into its spool and numbers it with its stamp, as the daemon would.
    @discardableResult
    func arrive(_ path: String, _ content: String = "id,x\na,1\n") throws -> Int64 {
        try directory.write(content, to: "spool/data/" + path)
        let file = ArrivedFile(
            SpoolPlace(pipeline: "p", role: .data, path: path), digest: "digest of \(content)",
            stamp: try #require(FileStamp(path: directory("spool/data/" + path))), outputKey: String(path.prefix { $0 != "." }),
            settledBy: "renamed")
        let now = now
        return try ledger.write { (ledger) throws(LedgerError) in try ledger.arrive([file], at: now)[0].number }
    }

    func open(_ arrival: Int64, revision: String? = nil) throws -> Int64 {
        let (now, opening) = (now, RunOpening(arrival: arrival, version: 1, revision: revision ?? pipeline.revision.full))
        let outcome = try ledger.write { (ledger) throws(LedgerError) in try ledger.open([opening], at: now)[0] }
        return try #require(outcome.run?.number)
    }

    func close(_ run: Int64, _ outcome: RunClosing.Outcome, timings: [String: Double] = [:], rows: Int64? = nil) throws {
        let (now, closing) = (now, RunClosing(run: run, outcome: outcome, timings: timings, rowCount: rows))
        try ledger.write { (ledger) throws(LedgerError) in try ledger.close([closing], at: now) }
    }

    /// A file that arrived, was scored and has its output; returns the run.
    @discardableResult
    func score(_ path: String, output: String = "id,y\na,2\n", revision: String? = nil) throws -> Int64 {
        let run = try open(try arrive(path), revision: revision)
        let name = path.prefix { $0 != "." } + ".csv"
        try directory.write(output, to: "out/outputs/" + name)
        let intention = Intention(
            run: run,
            output: OutputFile(
                root: directory("out/outputs"), path: String(name), digest: try output.sha256, byteCount: Int64(output.utf8.count)))
        _ = try ledger.write { (ledger) throws(LedgerError) in try ledger.intend([intention]) }
        try close(run, .done(verdict: nil), timings: ["total": 1.5, "forward": 1, "read": 0.25], rows: 1)
        return run
    }

    func lint() -> LintReport { root.lint([]) }

    func status() throws -> StatusReport { try StatusReport(of: root, pipelines: lint(), outOfForce: FileOutOfForce.all(root), ledger) }

    /// Without a ledger where `knows` is false.
    func explain(_ file: String, knows: Bool = true) throws -> FileReports {
        try Explainer(root, pipelines: [pipeline], ledger: knows ? ledger : nil, looksOutOfForce: true).explain(file)
    }
}

extension Report {
    /// The words as one text.
    var text: String { lines.map(\.text).joined(separator: "\n") }

    /// The JSON form, read again.
    func object() throws -> [String: Any] {
        try #require(try JSONSerialization.jsonObject(with: Data(try json().utf8)) as? [String: Any])
    }
}

extension String {
    /// The digest of the text, as the ledger has it.
    var sha256: String {
        get throws {
            let directory = try TemporaryDirectory("digest")
            return try FileDigest.of(FilePath(try directory.write(self, to: "text"))).digest
        }
    }
}
