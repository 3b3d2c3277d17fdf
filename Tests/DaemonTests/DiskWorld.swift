import Arrivals
import Attempts
import Daemon
import FileSystem
import Foundation
import Ledger
import LedgerSupport
import Logging
import Machine
import PipelineConfig
import Reasons
import SystemPackage
import TestSupport
import Testing

/// A root on a real disk with one pipeline `p`, its ledger, and a dispatcher without threads: the test says what each attempt answers.
final class DiskWorld {
    static let yaml = """
        name: p
        spool: { models: spool/models, data: spool/data }
        schema: { key: [id], keep: [id] }
        stages: [ deserialize: {}, forward: {} ]
        land: { models: out/models, outputs: { path: out/outputs, format: csv } }
        on_error: { attempts: 2, backoff: 1s }
        """

    let directory: TemporaryDirectory
    private(set) var pipeline: Pipeline
    private(set) var ledger: RunLedger
    let publisher: DiskPublisher
    private(set) var dispatcher: Dispatcher
    var now = UTCTime(milliseconds: 1_800_000_000_000)

    init(_ yaml: String = DiskWorld.yaml, label: String = "disk-world") throws {
        directory = try TemporaryDirectory(label)
        pipeline = try PipelineFile.read(Array(yaml.utf8), source: "p.yaml", root: directory.path)
        for folder in [pipeline.spool.models?.path, pipeline.spool.labelled?.path, pipeline.spool.data?.path].compactMap({ $0 }) {
            try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        }
        ledger = try RunLedger(stateDirectory: directory(".millrace"))
        publisher = try DiskPublisher(root: directory.path, pipelines: [pipeline])
        dispatcher = try Self.dispatcher(ledger, publisher, pipeline, now)
    }

    private static func dispatcher(
        _ ledger: RunLedger, _ publisher: DiskPublisher, _ pipeline: Pipeline, _ now: UTCTime
    ) throws -> Dispatcher {
        let dispatcher = Dispatcher(ledger: ledger, publisher: publisher, log: Logger(label: "disk") { _ in SwiftLogNoOpLogHandler() })
        try dispatcher.use([pipeline])
        try dispatcher.recover(at: now)
        return dispatcher
    }

    /// As after the daemon ended and started again; over another ledger, or after an edit of the pipeline.
    func restart(stateDirectory: String? = nil, yaml: String? = nil) throws {
        if let stateDirectory { ledger = try RunLedger(stateDirectory: stateDirectory) }
        if let yaml {
            pipeline = try PipelineFile.read(Array(yaml.utf8), source: "p.yaml", root: directory.path)
            try publisher.use([pipeline])
        }
        dispatcher = try Self.dispatcher(ledger, publisher, pipeline, now)
    }

    /// Does what a command asks of the daemon.
    func ask(_ request: Request) throws {
        _ = try ledger.submit(request, at: now)
        try dispatcher.applyRequests(at: now)
    }

    /// Writes a file into the spool of its role, as a numbered arrival.
    @discardableResult
    func drop(_ role: ArrivalRole, _ name: String, _ content: String) throws -> ArrivalOutcome {
        let folder = pipeline.spoolPath(of: role)
        try FileManager.default.createDirectory(
            atPath: (folder + "/" + name as NSString).deletingLastPathComponent, withIntermediateDirectories: true)
        try Data(content.utf8).write(to: URL(fileURLWithPath: folder + "/" + name))
        let found = try FileDigest.of(FilePath(folder + "/" + name))
        let file = ArrivedFile(
            SpoolPlace(pipeline: "p", role: role, path: name), digest: found.digest,
            stamp: .init(device: found.stamp.device, inode: found.stamp.inode, size: found.stamp.size, changed: found.stamp.changed),
            outputKey: role == .data ? (name as NSString).deletingPathExtension + ".csv" : nil)
        let outcomes = try ledger.arrive([file], at: now)
        try dispatcher.arrived(.init(pipeline: "p", at: now, arrivals: Array(zip([file], outcomes))))
        return try #require(outcomes.first)
    }

    /// Hands out what may start, takes the answers, lands them. Returns the specs that were handed out.
    @discardableResult
    func round(then pause: Duration = .seconds(10), _ answer: (AttemptSpec) throws -> AttemptResult) throws -> [AttemptSpec] {
        let started = try dispatcher.assignments(at: now)
        try dispatcher.finish(started.map { ($0, try answer($0.spec)) }, at: now)
        now = now.advanced(by: pause)
        return started.map(\.spec)
    }

    /// The answer of an attempt that wrote these files: the output, or files of a model's directory.
    func wrote(
        _ files: [String: String], _ spec: AttemptSpec, trial: AttemptResult.Trial? = nil, operatorSets: [String: Int] = [:],
        rows: Int64? = nil
    ) throws -> AttemptResult {
        var written: [AttemptResult.WrittenFile] = []
        for (name, text) in files {
            let (slot, path) =
                switch spec.work {
                case .validateModel(let files, _), .fineTune(let files, _), .help(let files, _, _): ("model", files.directory + "/" + name)
                case .score(let files), .scoreRange(let files), .scoreAhead(let files): ("output", files.output)
                case .measure(let files): ("reference", files.reference + "/" + name)
                case .rewrite(let files): ("form", files.directory + "/" + name)
                }
            try FileManager.default.createDirectory(
                atPath: (path as NSString).deletingLastPathComponent, withIntermediateDirectories: true)
            try Data(text.utf8).write(to: URL(fileURLWithPath: path))
            written.append(.init(slot: slot, path: path, digest: FileDigest.of(bytes: text.utf8), byteCount: Int64(text.utf8.count)))
        }
        var result = AttemptResult(
            files: written.sorted { $0.path < $1.path }, rowCount: rows, trial: trial, operatorSets: operatorSets)
        result.machine = AttemptMachine(processor: "Abacus: beads", engine: "ONNX Runtime", engineVersion: "1.2.3")
        return result
    }

    func failed(_ kind: Failure.Kind, _ spec: AttemptSpec) -> AttemptResult {
        AttemptResult(failure: Failure(kind, what: "the test says so", place: spec.data?.path ?? "", remedy: "None."))
    }

    func state(_ name: String) throws -> ArrivalState? {
        try ledger.explain(path: name, pipeline: "p", now: now).first?.visits.first?.arrival.state
    }

    /// A model as version 1.
    func publishModel(_ name: String = "m.onnx", _ content: String = "graph") throws {
        try drop(.model, name, content)
        try #require(try round { try wrote(["model.onnx": content], $0) }.map(\.goal) == [.validateModel])
    }

    /// What is staged and on its way, by file.
    var leftovers: [String] { directory.files().filter { $0.contains("staging/") } }

    /// The values of a JSON document, by key.
    func json(_ path: String) throws -> [String: Any] { try json(text: String(decoding: directory.read(path), as: UTF8.self)) }
    func json(text: String) throws -> [String: Any] {
        try #require(try JSONSerialization.jsonObject(with: Data(text.utf8)) as? [String: Any])
    }
}

/// Compares what a JSON document says, key by key.
func expect(
    _ found: [String: Any], is wanted: [String: any Sendable], _ comment: Comment? = nil, sourceLocation: SourceLocation = #_sourceLocation
) {
    #expect(Set(found.keys) == Set(wanted.keys), comment, sourceLocation: sourceLocation)
    for (key, value) in wanted {
        #expect(
            (found[key] as? NSObject) == (value as? NSObject), "\(key): \(String(describing: found[key])), wanted \(value)",
            sourceLocation: sourceLocation)
    }
}
