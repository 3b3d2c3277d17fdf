import Foundation
import Glibc
import ModelSupport
import ONNX
import TestSupport
import Testing

/// `millrace doctor` beside a daemon whose workers are confined.
@Suite struct DoctorTests {
    private static let pipeline = """
        name: p
        spool: { models: spool/models, data: spool/data }
        schema: { key: [id] }
        stages: [ deserialize: {}, forward: {} ]
        land: { models: out/models, outputs: { path: out/outputs, format: csv } }
        """

    private func told(_ daemon: DaemonProcess, _ options: [String] = []) throws -> (output: String, status: Int32) {
        let told = try DaemonProcess.command(["doctor", "--root", daemon.root.path] + options)
        return (told.output, told.status)
    }

    @Test func aRunningDaemonsWorkersAreCounted() throws {
        let daemon = try DaemonProcess("doctor")
        try daemon.root.write(Self.pipeline, to: "pipelines/p.yaml")
        try daemon.start(["--workers", "1"])
        defer { _ = daemon.stop() }
        let words = "worker processes of the running daemon: 1, confined: 1"
        #expect(try eventually(within: 60) { try told(daemon).output.contains(words) }, "\(daemon.logText)")
        let all = try told(daemon)
        #expect(all.status == 0, "\(all.output)")
        chmod(daemon.root("spool"), 0o777)
        let open = try told(daemon)
        #expect(open.status == 1 && open.output.contains("MEND \(daemon.root("spool"))"), "\(open.output)")
        let json = try told(daemon, ["--json"])
        #expect(json.status == 1)
        #expect(try JSONSerialization.jsonObject(with: Data(json.output.utf8)) is [String: Any])
    }

    // MARK: A kernel without Landlock

    /// Runs the daemon once as on a kernel without Landlock.
    private func runWithoutLandlock(_ confinement: String) throws -> (root: TemporaryDirectory, log: String, status: Int32) {
        let root = try TemporaryDirectory("landlock")
        try root.write(Self.pipeline, to: "pipelines/p.yaml")
        try root.write("confinement: \(confinement)\n", to: "millrace.yaml")
        for folder in ["models", "data"] {
            try FileManager.default.createDirectory(atPath: root("spool/" + folder), withIntermediateDirectories: true)
        }
        try WideModel.model(width: 16, blocks: 1).write(to: root("spool/models/m.onnx"))
        try root.write("id,x\na,1\n", to: "spool/data/a.csv")
        let process = Process(), errors = Pipe()
        process.executableURL = BuiltProgram.url("confined-probe")
        process.arguments = [
            "without-landlock", DaemonProcess.binary.path, "run", "--once", "--wait", "60s", "--root", root.path,
        ]
        process.standardInput = FileHandle.nullDevice
        process.standardError = errors
        try process.run()
        let log = String(decoding: errors.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
        process.waitUntilExit()
        return (root, log, process.terminationStatus)
    }

    @Test func whatIsRequiredAndNotThereRefusesToRun() throws {
        let ran = try runWithoutLandlock("required")
        #expect(ran.status == 2 && ran.log.contains("this kernel lacks Landlock"), "\(ran.log)")
        #expect(!FileManager.default.fileExists(atPath: ran.root("out")))
    }

    @Test func whatIsNotThereIsSaidAtTheStart() throws {
        let ran = try runWithoutLandlock("auto")
        #expect(ran.status == 0 && ran.log.contains("workers are not wholly confined: this kernel lacks Landlock"), "\(ran.log)")
        #expect(FileManager.default.fileExists(atPath: ran.root("out/outputs/a.csv")), "\(ran.log)")
    }
}
