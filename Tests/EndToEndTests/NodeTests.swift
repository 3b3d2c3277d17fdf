import Foundation
import TestSupport
import Testing

/// A real daemon and real workers that have joined it from elsewhere, which is the same machine here: both see the same folders.
@Suite struct NodeTests {
    /// A process of `millrace worker`.
    private final class Worker {
        let process = Process()
        let log: String

        /// - Parameter hidden: a folder that is another, empty one for this worker, as on a machine that does not share it.
        init(
            _ daemon: DaemonProcess, _ name: String, _ arguments: [String] = [], join: String = ".millrace/workers", hidden: String? = nil
        ) throws {
            log = daemon.root(name + ".log")
            try Data().write(to: URL(fileURLWithPath: log))
            let words = ["worker", "--join", daemon.root(join), "--cache", daemon.root("cache")] + arguments
            if let hidden {
                process.executableURL = URL(fileURLWithPath: "/usr/bin/unshare")
                let script = "mount -t tmpfs none \"$0\" && exec \"$@\""
                process.arguments = ["-m", "/bin/sh", "-c", script, daemon.root(hidden), DaemonProcess.binary.path] + words
            } else {
                process.executableURL = DaemonProcess.binary
                process.arguments = words
            }
            process.standardInput = FileHandle.nullDevice
            process.standardOutput = FileHandle(forWritingAtPath: log)
            process.standardError = process.standardOutput
            try process.run()
        }

        deinit { kill() }

        func kill() {
            guard process.isRunning else { return }
            Foundation.kill(process.processIdentifier, SIGKILL)
            process.waitUntilExit()
        }

        var text: String { (try? String(contentsOfFile: log, encoding: .utf8)) ?? "" }
    }

    private func daemon(_ settings: String) throws -> DaemonProcess {
        let daemon = try DaemonProcess("nodes")
        try daemon.root.write(settings, to: "millrace.yaml")
        try daemon.root.write(scoringPipeline, to: "pipelines/p.yaml")
        try daemon.root.write(TinyModel.adding(1), to: "spool/models/m.onnx")
        try daemon.root.write("", to: "spool/data/.keep")
        try daemon.start()
        #expect(eventually { daemon.root.files().contains(".millrace/workers/daemon.json") }, "\(daemon.logText)")
        return daemon
    }

    private static let elsewhere = "workers: 0\nexecutor: { listen: \"127.0.0.1:0\" }\n"

    private func outputs(_ daemon: DaemonProcess) -> [String] {
        daemon.root.files().filter { $0.hasPrefix("out/outputs/") && !$0.contains("_millrace") }.sorted()
    }

    @Test func allIsDoneElsewhereAndStatusSaysWhere() throws {
        let daemon = try daemon(Self.elsewhere)
        try daemon.drop("id,x\na,1\n".utf8, at: "spool/data/before.csv")
        let one = try Worker(daemon, "one", ["--workers", "1"]), two = try Worker(daemon, "two", ["--workers", "2"])
        for number in 0..<200 { try daemon.drop("id,x\nr,\(number)\n".utf8, at: "spool/data/\(number).csv") }
        #expect(eventually { outputs(daemon).count == 201 }, "\(daemon.logText) \(one.text) \(two.text)")
        for number in 0..<200 {
            #expect(String(decoding: try daemon.root.read("out/outputs/\(number).csv"), as: UTF8.self) == "id,y\nr,\(number + 1).0\n")
        }
        let status = try DaemonProcess.command(["status", "--root", daemon.root.path])
        #expect(status.output.contains("process \(one.process.processIdentifier), 1 place, "), "\(status.output)")
        #expect(status.output.contains("process \(two.process.processIdentifier), 2 places, "), "\(status.output)")
        let check = try DaemonProcess.command(["check", "--root", daemon.root.path])
        #expect(check.status == 0, "\(check.output)\(check.error)")
        #expect(!daemon.root.files().contains { $0.contains("away-") || $0.contains(".probe-") })
        #expect(daemon.stop() == 0)
        let left = try DaemonProcess.command(["check", "--root", daemon.root.path])
        #expect(left.status == 0, "\(left.output)\(left.error)")
    }

    /// Rows enough for some seconds.
    private static let long = "id,x\n" + (0..<3_000_000).map { "r\($0),\($0 % 977)\n" }.joined()

    /// The daemon is killed while a worker scores a large file: the next one takes over what the worker does.
    @Test func theNextDaemonTakesOverWhatAWorkerDoes() throws {
        let daemon = try daemon(Self.elsewhere)
        let worker = try Worker(daemon, "one", ["--workers", "1"])
        try daemon.drop(Self.long.utf8, at: "spool/data/long.csv")
        #expect(
            eventually {
                let status = try? DaemonProcess.command(["status", "--root", daemon.root.path])
                return status?.output.contains("; runs ") == true && daemon.root.files().contains { $0.contains("away-") }
            }, "\(daemon.logText) \(worker.text)")
        daemon.kill()
        try daemon.start()
        #expect(eventually { outputs(daemon).count == 1 }, "\(daemon.logText) \(worker.text)")
        #expect(daemon.logText.contains("goes on with run "), "\(daemon.logText)")
        #expect(String(decoding: try daemon.root.read("out/outputs/long.csv").suffix(30), as: UTF8.self).hasSuffix("r2999999,610.0\n"))
        #expect(worker.process.isRunning && !daemon.root.files().contains { $0.contains("away-") })
        #expect(try DaemonProcess.command(["check", "--root", daemon.root.path]).status == 0)
    }

    /// Workers are killed one after another while there is work; each file is done once.
    @Test func killedWorkersCostNothing() throws {
        let daemon = try daemon(Self.elsewhere)
        var workers = try (0..<2).map { try Worker(daemon, "w\($0)", ["--workers", "1"]) }
        for number in 0..<300 {
            try daemon.drop("id,x\nr,\(number)\n".utf8, at: "spool/data/\(number).csv")
            guard number % 60 == 59 else { continue }
            workers[0].kill()
            workers = [workers[1], try Worker(daemon, "w\(number)", ["--workers", "1"])]
        }
        #expect(eventually { outputs(daemon).count == 300 }, "\(daemon.logText)")
        let manifest = daemon.root.files().filter { $0.hasPrefix("out/outputs/_millrace/manifest") }
        let lines = try manifest.flatMap { String(decoding: try daemon.root.read($0), as: UTF8.self).split(separator: "\n") }
        #expect(lines.count == 300)
        #expect(try DaemonProcess.command(["check", "--root", daemon.root.path]).status == 0)
        #expect(daemon.stop() == 0)
    }

    private static let hides = getuid() == 0 && FileManager.default.isExecutableFile(atPath: "/usr/bin/unshare")

    /// Nothing that an attempt needs lies in the state folder: a worker that does not have it does everything, training too.
    @Test(.enabled(if: hides, "only root may hide a folder from a process")) func aWorkerDoesNotNeedTheState() throws {
        let daemon = try DaemonProcess("nodes")
        try daemon.root.write(Self.elsewhere + "state: state\nwork: work\n", to: "millrace.yaml")
        let pipeline = """
            name: p
            spool: { models: spool/models, data: spool/data, labelled: spool/labelled }
            settle: { quiet: 200ms }
            schema: { key: [id], keep: [id], label: t }
            stages:
              - deserialize: {}
              - optimize: { gradient: { loss: mean_squared_error, epochs: 2, batch_size: 4, validation: 0, train: [addend] } }
              - forward: {}
            land: { models: out/models, outputs: { path: out/outputs, format: csv } }
            """
        try daemon.root.write(pipeline, to: "pipelines/p.yaml")
        try daemon.root.write(TinyModel.adding(1), to: "spool/models/m.onnx")
        try daemon.root.write(
            "id,x,t\n" + (0..<200).map { "r\($0),\($0 % 7),\($0 % 7 + 3)\n" }.joined(), to: "spool/labelled/l.csv")
        try daemon.root.write("id,x\na,1\n", to: "spool/data/d.csv")
        try daemon.start()
        #expect(eventually { daemon.root.files().contains("work/workers/daemon.json") }, "\(daemon.logText)")
        let worker = try Worker(daemon, "one", ["--workers", "1"], join: "work/workers", hidden: "state")
        #expect(eventually { outputs(daemon).count == 1 }, "\(daemon.logText) \(worker.text)")
        #expect(eventually { daemon.root.files().contains("out/models/2/card.json") }, "\(daemon.logText) \(worker.text)")
        #expect(daemon.stop() == 0)
    }

    /// A worker that sees another folder under the path of a spool gets no work, and `status` says why.
    @Test(.enabled(if: hides, "only root may hide a folder from a process")) func aWorkerThatSeesAnotherSpoolGetsNoWork() throws {
        let daemon = try daemon(Self.elsewhere)
        let worker = try Worker(daemon, "one", ["--workers", "1"], hidden: "spool/data")
        #expect(eventually { !worker.process.isRunning })
        #expect(worker.text.contains("spool/data"), "\(worker.text)")
        #expect(
            eventually {
                let status = try? DaemonProcess.command(["status", "--root", daemon.root.path])
                return status?.output.contains("does not see") == true || status?.output.contains("is another folder") == true
            }, "\(daemon.logText)")
        #expect(daemon.stop() == 0)
    }

    /// A daemon that finds its root taken changes nothing for the workers of the one that has it.
    @Test func aSecondDaemonTakesNoWorkers() throws {
        let daemon = try daemon(Self.elsewhere)
        let worker = try Worker(daemon, "one", ["--workers", "1"])
        let address = try daemon.root.read(".millrace/workers/daemon.json")
        let second = try DaemonProcess.command(["run", "--root", daemon.root.path])
        #expect(second.status == 4, "\(second)")
        #expect(try daemon.root.read(".millrace/workers/daemon.json") == address)
        try daemon.drop("id,x\na,1\n".utf8, at: "spool/data/d.csv")
        #expect(eventually { outputs(daemon).count == 1 }, "\(daemon.logText) \(worker.text)")
        #expect(daemon.stop() == 0)
    }

    /// With `tls`, all goes on as without, and the worker joins nobody else.
    @Test func workIsDoneOverTLS() throws {
        let daemon = try daemon("workers: 0\nexecutor: { listen: \"127.0.0.1:0\", tls: true }\n")
        let worker = try Worker(daemon, "one", ["--workers", "1", "--tls"])
        for number in 0..<50 { try daemon.drop("id,x\nr,\(number)\n".utf8, at: "spool/data/\(number).csv") }
        #expect(eventually { outputs(daemon).count == 50 }, "\(daemon.logText) \(worker.text)")
        // The next daemon has another certificate, which the worker finds.
        daemon.kill()
        try daemon.start()
        try daemon.drop("id,x\nr,50\n".utf8, at: "spool/data/50.csv")
        #expect(eventually { outputs(daemon).count == 51 }, "\(daemon.logText) \(worker.text)")
        #expect(worker.process.isRunning)
        #expect(daemon.stop() == 0)
        let open = try self.daemon(Self.elsewhere)
        let refused = try DaemonProcess.command(["worker", "--join", open.root(".millrace/workers"), "--workers", "1", "--tls"])
        #expect(refused.status != 0 && refused.error.contains("does not speak TLS"), "\(refused)")
    }

    /// A worker of another version, or with another token, is told so and ends.
    @Test func aWorkerThatMayNotJoinSaysWhy() throws {
        let daemon = try daemon(Self.elsewhere)
        try daemon.root.write(String(repeating: "x", count: 64), to: "other-token")
        chmod(daemon.root("other-token"), 0o600)
        let worker = try DaemonProcess.command(
            ["worker", "--join", daemon.root(".millrace/workers"), "--token", daemon.root("other-token"), "--workers", "1"])
        #expect(worker.status != 0 && worker.error.contains("does not have the same token"), "\(worker)")
        let nowhere = try DaemonProcess.command(["worker", "--join", daemon.root("none"), "--patience", "0s", "--workers", "1"])
        #expect(nowhere.status != 0 && nowhere.error.contains("names no daemon"), "\(nowhere)")
    }
}
