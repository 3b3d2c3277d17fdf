import Arrivals
import Foundation
import Ledger
import TestSupport
import Testing

/// A model whose weights are larger than the memory that the process may have: a sparse file, a few kilobytes on disk. It is refused by its
/// size before anything is copied, and the daemon lives.
@Suite(.serialized) struct TooLargeModelTests {
    private static let weights = 3_300_000_000

    /// A field of a protobuf message.
    private static func field(_ number: Int, _ bytes: [UInt8]) -> [UInt8] { varint(number << 3 | 2) + varint(bytes.count) + bytes }

    static func varint(_ value: Int) -> [UInt8] {
        var bytes: [UInt8] = []
        var rest = value
        repeat {
            bytes.append(UInt8(rest & 127) | (rest > 127 ? 128 : 0))
            rest >>= 7
        } while rest > 0
        return bytes
    }

    /// The model with one more weight, which lies in `s.bin`. A second graph in a message is merged with the first.
    private static var model: [UInt8] {
        func entry(_ key: String, _ value: String) -> [UInt8] { field(13, field(1, Array(key.utf8)) + field(2, Array(value.utf8))) }
        let tensor: [[UInt8]] = [
            varint(1 << 3), varint(weights / 4), varint(2 << 3), varint(1), field(8, Array("large".utf8)), entry("location", "s.bin"),
            entry("offset", "0"), entry("length", "\(weights)"), varint(14 << 3), varint(1),
        ]
        return TinyModel.adding(1) + field(7, field(5, tensor.flatMap { $0 }))
    }

    private func sparse(_ path: String) throws {
        try Data().write(to: URL(fileURLWithPath: path))
        let file = try FileHandle(forWritingTo: URL(fileURLWithPath: path))
        try file.truncate(atOffset: UInt64(Self.weights))
        try file.close()
    }

    private func start(_ command: String, _ root: TemporaryDirectory) throws -> Process {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/bin/sh")
        process.arguments = ["-c", "ulimit -v 3000000; exec '\(DaemonProcess.binary.path)' \(command)"]
        try Data().write(to: URL(fileURLWithPath: root("log")))
        let log = try FileHandle(forWritingTo: URL(fileURLWithPath: root("log")))
        process.standardOutput = log
        process.standardError = log
        try process.run()
        return process
    }

    @Test func forwardRefusesItBySize() throws {
        let root = try TemporaryDirectory("large")
        try root.write(Self.model, to: "m.onnx")
        try sparse(root("s.bin"))
        try root.write("x\n1\n", to: "a.csv")
        let process = try start("forward '\(root("m.onnx"))' '\(root("a.csv"))' '\(root("o.csv"))'", root)
        process.waitUntilExit()
        let said = try String(contentsOfFile: root("log"), encoding: .utf8)
        #expect(process.terminationReason == .exit && process.terminationStatus == 1, "\(said)")
        #expect(said.contains("the model does not fit: not enough memory: 3.0 GiB are needed"), "\(said)")
    }

    @Test func theDaemonRefusesItAndGoesOn() throws {
        let root = try TemporaryDirectory("large")
        try root.write(
            """
            name: p
            spool: { models: spool/models, data: spool/data }
            settle: { quiet: 200ms }
            on_error: { attempts: 2, backoff: 100ms }
            schema: { key: [id], keep: [id] }
            stages: [ deserialize: {}, forward: {} ]
            land: { models: out/models, outputs: { path: out/rows, format: csv } }
            """, to: "pipelines/p.yaml")
        try root.write("", to: "spool/data/.keep")
        try FileManager.default.createDirectory(atPath: root("spool/models"), withIntermediateDirectories: true)
        try sparse(root("spool/models/s.bin"))
        try root.write(Self.model, to: "spool/models/large.onnx")
        let process = try start("run '\(root("pipelines"))' --root '\(root.path)'", root)
        defer { if process.isRunning { kill(process.processIdentifier, SIGKILL) } }
        func status() -> PipelineStatus? { try? RunLedger(stateDirectory: root(".millrace"), readOnly: true).status(now: .now).first }
        let log = { (try? String(contentsOfFile: root("log"), encoding: .utf8)) ?? "" }
        #expect(eventually(within: 120) { status()?.count(.quarantined) == 1 || status()?.count(.rejected) == 1 }, "\(log())")
        #expect(log().contains("the model does not fit"), "\(log())")
        // Nothing of it was copied.
        let copied = FileManager.default.enumerator(atPath: root(".millrace/staging"))?.allObjects as? [String] ?? []
        #expect(!copied.contains { $0.hasSuffix(".onnx") || $0.hasSuffix(".data") }, "\(copied)")
        try root.write(TinyModel.adding(1), to: "spool/models/small.onnx")
        try root.write("id,x\na,1\n", to: "spool/data/a.csv")
        #expect(eventually(within: 60) { FileManager.default.fileExists(atPath: root("out/rows/a.csv")) }, "\(log())")
        process.terminate()
        process.waitUntilExit()
        #expect(process.terminationReason == .exit && process.terminationStatus == 0)
    }
}
