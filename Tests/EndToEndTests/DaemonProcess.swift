import Foundation
import TestSupport

/// The built binary as a process over a directory of its own; killed when the value goes.
final class DaemonProcess {
    let root: TemporaryDirectory
    private(set) var process: Process?
    /// What the daemon gets beside the environment of the tests.
    var environment: [String: String] = [:]
    private let log: URL

    init(_ label: String) throws {
        root = try TemporaryDirectory(label)
        log = URL(fileURLWithPath: root("daemon.log"))
        try Data().write(to: log)
    }

    /// Another daemon over the directory of one that there is, as on another host.
    init(sharing other: DaemonProcess, log name: String) throws {
        root = other.root
        log = URL(fileURLWithPath: root(name))
        try Data().write(to: log)
    }

    deinit { kill() }

    static var binary: URL { BuiltProgram.url("millrace") }

    /// Starts the daemon over the pipelines in `pipelines/` of its directory.
    func start(_ arguments: [String] = []) throws {
        let process = Process()
        process.executableURL = Self.binary
        let pipelines = try FileManager.default.contentsOfDirectory(atPath: root("pipelines")).sorted().map { root("pipelines/" + $0) }
        process.environment = ProcessInfo.processInfo.environment.merging(environment) { $1 }
        process.arguments = ["run"] + pipelines + ["--root", root.path] + arguments
        process.standardInput = FileHandle.nullDevice
        let output = try FileHandle(forWritingTo: log)
        try output.seekToEnd()
        process.standardOutput = output
        process.standardError = output
        try process.run()
        self.process = process
    }

    /// SIGKILL, and waits for the process to be gone.
    func kill() {
        guard let process, process.isRunning else { return }
        Foundation.kill(process.processIdentifier, SIGKILL)
        process.waitUntilExit()
    }

    /// SIGTERM; the exit status.
    @discardableResult
    func stop() -> Int32 {
        guard let process else { return 0 }
        process.terminate()
        process.waitUntilExit()
        return process.terminationStatus
    }

    var logText: String { (try? String(contentsOf: log, encoding: .utf8)) ?? "" }

    struct CommandOutput {
        let status: Int32
        let output: String
        let error: String
    }

    /// Runs another command of the binary, with `--root`.
    @discardableResult
    static func command(_ arguments: [String], in directory: String? = nil, environment: [String: String] = [:]) throws -> CommandOutput {
        let process = Process()
        if !environment.isEmpty { process.environment = ProcessInfo.processInfo.environment.merging(environment) { $1 } }
        process.executableURL = binary
        process.arguments = arguments
        process.standardInput = FileHandle.nullDevice
        if let directory { process.currentDirectoryURL = URL(fileURLWithPath: directory) }
        let scratch = FileManager.default.temporaryDirectory.appendingPathComponent("millrace-output-\(UUID().uuidString)")
        let errors = scratch.appendingPathExtension("err")
        for file in [scratch, errors] { try Data().write(to: file) }
        defer { for file in [scratch, errors] { try? FileManager.default.removeItem(at: file) } }
        process.standardOutput = try FileHandle(forWritingTo: scratch)
        process.standardError = try FileHandle(forWritingTo: errors)
        try process.run()
        process.waitUntilExit()
        return CommandOutput(
            status: process.terminationStatus, output: try String(contentsOf: scratch, encoding: .utf8),
            error: try String(contentsOf: errors, encoding: .utf8))
    }

    /// Writes beside the target and renames into place, as rsync and the object-store tools do.
    func drop(_ bytes: some Sequence<UInt8>, at relative: String) throws {
        let target = root(relative)
        let folder = (target as NSString).deletingLastPathComponent
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        let temporary = folder + "/." + UUID().uuidString
        try Data(bytes).write(to: URL(fileURLWithPath: temporary))
        guard rename(temporary, target) == 0 else { throw POSIXError(POSIXErrorCode(rawValue: errno) ?? .EIO) }
    }
}

/// A pipeline `p` that scores `spool/data` by the models of `spool/models` and keeps the key `id`. Settings may follow below it.
let scoringPipeline = """
    name: p
    spool: { models: spool/models, data: spool/data }
    settle: { quiet: 200ms }
    schema: { key: [id], keep: [id] }
    stages: [ deserialize: {}, forward: {} ]
    land: { models: out/models, outputs: { path: out/outputs, format: csv } }
    """
