import Arrivals
import Foundation
import Glibc
import Ledger
import TestSupport
import Testing

/// What happens to a daemon before it runs: how it ends decides whether a service manager starts it again.
@Suite(.serialized) struct StartFaultTests {
    private static let pipeline = """
        name: p
        spool: { models: spool/models, data: spool/data }
        settle: { quiet: 200ms }
        schema: { key: [id], keep: [id], inputs: { x: { columns: x } } }
        stages: [ deserialize: {}, forward: {} ]
        land: { models: out/models, outputs: { path: out/outputs, format: csv } }
        """

    /// A daemon that waits at its start, as for the claim of a host that may be dead, ends with 0 when it is stopped.
    @Test func aStopAtTheStartEndsWithZero() throws {
        let daemon = try DaemonProcess("stop")
        try daemon.root.write(Self.pipeline, to: "pipelines/p.yaml")
        try daemon.start()
        #expect(eventually { daemon.logText.contains("running") }, "\(daemon.logText)")
        daemon.kill()
        // The claim that was left is another host's by now.
        let path = daemon.root("spool/data/.millrace-claim/holder")
        var holder = try #require(try JSONSerialization.jsonObject(with: Data(contentsOf: URL(fileURLWithPath: path))) as? [String: Any])
        holder["boot"] = "another"
        try JSONSerialization.data(withJSONObject: holder).write(to: URL(fileURLWithPath: path))
        try daemon.start()
        let process = try #require(daemon.process)
        #expect(eventually { Self.takesStops(process.processIdentifier) })
        usleep(500_000)
        let said = daemon.logText
        #expect(process.isRunning && !said.split(separator: "\n").dropFirst(1).contains { $0.contains("running") }, "\(said)")
        #expect(daemon.stop() == 0)
        #expect(process.terminationReason == .exit)
    }

    private static func takesStops(_ pid: Int32) -> Bool {
        let status = (try? String(contentsOfFile: "/proc/\(pid)/status", encoding: .utf8)) ?? ""
        let caught = status.split(separator: "\n").first { $0.hasPrefix("SigCgt:") }?.dropFirst(7).trimmingCharacters(in: .whitespaces)
        return (caught.flatMap { UInt64($0, radix: 16) } ?? 0) >> UInt64(SIGTERM - 1) & 1 == 1
    }

    /// The status 2 says that a pipeline is wrong, and no service manager starts the daemon again after it. One that cannot be read now is
    /// not wrong.
    @Test(.enabled(if: geteuid() == 0, "another user takes root"), arguments: ["pipelines/p.yaml", "pipelines"])
    func aPipelineThatCannotBeReadNowIsNotWrong(closed: String) throws {
        let root = try TemporaryDirectory("closed")
        try root.write(Self.pipeline, to: "pipelines/p.yaml")
        #expect(chmod(root.path, 0o777) == 0 && chmod(root(closed), 0) == 0)
        let refused = try run(root)
        #expect(refused.status == 1 && refused.said.contains("Permission denied"), "\(refused)")
        #expect(chmod(root(closed), 0o755) == 0)
        #expect(try run(root).status == 0)
        try root.write("name: p\nnonsense: 1\n", to: "pipelines/p.yaml")
        let wrong = try run(root)
        #expect(wrong.status == 2 && wrong.said.contains("nonsense"), "\(wrong)")
        try FileManager.default.removeItem(atPath: root("pipelines"))
        #expect(try run(root).status == 2)
    }

    private func run(_ root: TemporaryDirectory) throws -> (status: Int32, said: String) {
        let process = Process(), said = Pipe()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        process.arguments = [
            "setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", DaemonProcess.binary.path, "run", "--root", root.path, "--once",
        ]
        process.standardOutput = said
        process.standardError = said
        try process.run()
        let text = String(decoding: said.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
        process.waitUntilExit()
        return (process.terminationStatus, text)
    }

    /// A spool that was away comes back with files that are in quarantine: why they are stands there again.
    @Test func reasonsComeBackWithTheirFiles() throws {
        let daemon = try DaemonProcess("reasons")
        try daemon.root.write(Self.pipeline, to: "pipelines/p.yaml")
        try daemon.root.write(TinyModel.adding(1), to: "spool/models/m.onnx")
        try daemon.root.write("id,x\na,word\n", to: "spool/data/sub/bad.csv")
        let reason = daemon.root("quarantine/p/sub/bad.csv.reason.json")
        func stands() -> Bool { FileManager.default.fileExists(atPath: reason) }
        func move(_ from: String, _ to: String) throws {
            try FileManager.default.moveItem(atPath: daemon.root(from), toPath: daemon.root(to))
        }
        try daemon.start()
        #expect(eventually { stands() }, "\(daemon.logText)")
        let first = try words(of: reason)
        #expect(first.count == 5, "\(first)")
        // The reason is written before the ledger has it.
        let state = daemon.root(".millrace")
        #expect(eventually { (try? RunLedger(stateDirectory: state, readOnly: true).status(now: .now))?.first?.count(.quarantined) == 1 })
        // While a daemon runs.
        try move("spool/data/sub/bad.csv", "bad.csv")
        #expect(eventually { !stands() }, "\(daemon.logText)")
        try move("bad.csv", "spool/data/sub/bad.csv")
        #expect(eventually { stands() }, "\(daemon.logText)")
        #expect(try words(of: reason) == first)
        // While none does, and one that finds an empty spool in between.
        #expect(daemon.stop() == 0)
        try move("spool/data", "data")
        try daemon.start()
        #expect(eventually { !stands() }, "\(daemon.logText)")
        #expect(daemon.stop() == 0)
        try FileManager.default.removeItem(atPath: daemon.root("spool/data"))
        try move("data", "spool/data")
        try daemon.start()
        #expect(eventually { stands() }, "\(daemon.logText)")
        #expect(try words(of: reason) == first)
        #expect(daemon.stop() == 0)
    }

    private func words(of reason: String) throws -> [String: String] {
        let all = try #require(try JSONSerialization.jsonObject(with: Data(contentsOf: URL(fileURLWithPath: reason))) as? [String: Any])
        return all.filter { ["path", "digest", "what", "rule", "remedy"].contains($0.key) }.compactMapValues { $0 as? String }
    }
}
