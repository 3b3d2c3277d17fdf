import Arrivals
import Foundation
import Glibc
import Ledger
import TestSupport
import Testing

/// Spools that cannot be looked into for a while, with a daemon that is an ordinary user: nothing that comes meanwhile is lost or put into
/// quarantine.
@Suite(.serialized) struct SpoolFaultTests {
    private static let isRoot = geteuid() == 0

    /// A daemon as `nobody`, with a model.
    private final class OrdinaryDaemon {
        let root: TemporaryDirectory
        let process = Process()

        init() throws {
            root = try TemporaryDirectory("ordinary")
            try root.write(scoringPipeline, to: "pipelines/p.yaml")
            try root.write(TinyModel.adding(1), to: "spool/models/m.onnx")
            try root.write("id,x\na,1\n", to: "spool/data/sub/a.csv")
            try Data().write(to: URL(fileURLWithPath: root("log")))
            _ = try run("/bin/chown", "-R", "65534:65534", root.path)
            process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
            process.arguments = [
                "setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", DaemonProcess.binary.path, "run", root("pipelines/p.yaml"),
                "--root",
                root.path,
            ]
            let output = try FileHandle(forWritingTo: URL(fileURLWithPath: root("log")))
            process.standardOutput = output
            process.standardError = output
            try process.run()
        }

        deinit { if process.isRunning { kill(process.processIdentifier, SIGKILL) } }

        func run(_ program: String, _ arguments: String...) throws -> Int32 {
            let process = Process()
            process.executableURL = URL(fileURLWithPath: program)
            process.arguments = arguments
            try process.run()
            process.waitUntilExit()
            return process.terminationStatus
        }

        func exists(_ path: String) -> Bool { FileManager.default.fileExists(atPath: root(path)) }
        var log: String { (try? String(contentsOfFile: root("log"), encoding: .utf8)) ?? "" }
        var ledger: RunLedger { get throws { try RunLedger(stateDirectory: root(".millrace"), readOnly: true) } }

        /// As root, who may write where the daemon may not even look.
        func drop(_ path: String) throws {
            try root.write("id,x\nb,1\n", to: path + ".part")
            #expect(chown(root(path + ".part"), 65534, 65534) == 0)
            #expect(rename(root(path + ".part"), root(path)) == 0)
        }
    }

    /// The spool itself, or a folder in it; without any permission, or without that to look at what is in it.
    @Test(.enabled(if: isRoot, "another user takes root"), arguments: ["spool/data", "spool/data/sub"], [0, 0o444] as [mode_t])
    func aFolderWhosePermissionWasAwayIsScannedAgain(folder: String, mode: mode_t) throws {
        let daemon = try OrdinaryDaemon()
        #expect(eventually { daemon.exists("out/outputs/sub/a.csv") }, "\(daemon.log)")
        #expect(chmod(daemon.root(folder), mode) == 0)
        try daemon.drop(folder + "/b.csv")
        try daemon.drop(folder + "/c.csv")
        let ledger = try daemon.ledger
        #expect(
            try eventually {
                try ledger.conditions(pipeline: "p").contains { $0.key.kind == .unwatched && $0.text.contains("ermission denied") }
            }, "\(daemon.log)")
        usleep(500_000)
        #expect(try ledger.status(now: .now).allSatisfy { $0.count(.quarantined) == 0 })
        #expect(chmod(daemon.root(folder), 0o755) == 0)
        let outputs = folder.replacingOccurrences(of: "spool/data", with: "out/outputs")
        #expect(eventually(within: 15) { daemon.exists(outputs + "/b.csv") && daemon.exists(outputs + "/c.csv") }, "\(daemon.log)")
        #expect(try eventually { try ledger.conditions(pipeline: "p").isEmpty }, "\(daemon.log)")
        #expect(try ledger.status(now: .now).allSatisfy { $0.count(.quarantined) == 0 })
        daemon.process.terminate()
        daemon.process.waitUntilExit()
        #expect(daemon.process.terminationStatus == 0)
    }

    /// Files that are done, and that the daemon may not read for a while: the reasons that it writes go when it may again, of a model too,
    /// whose content is known by then.
    @Test(.enabled(if: isRoot, "another user takes root"))
    func reasonsGoWhenThePermissionComesBack() throws {
        let daemon = try OrdinaryDaemon()
        #expect(eventually { daemon.exists("out/outputs/sub/a.csv") }, "\(daemon.log)")
        let files = ["spool/models/m.onnx", "spool/data/sub/a.csv"],
            reasons = ["quarantine/p/m.onnx.reason.json", "quarantine/p/sub/a.csv.reason.json"]
        for file in files { #expect(chmod(daemon.root(file), 0) == 0) }
        #expect(eventually { reasons.allSatisfy(daemon.exists) }, "\(daemon.log)")
        for folder in ["spool/data/sub", "spool/data", "spool/models"] { #expect(chmod(daemon.root(folder), 0) == 0) }
        usleep(1_500_000)
        for folder in ["spool/models", "spool/data", "spool/data/sub"] { #expect(chmod(daemon.root(folder), 0o755) == 0) }
        for file in files { #expect(chmod(daemon.root(file), 0o644) == 0) }
        #expect(
            eventually { !reasons.contains(where: daemon.exists) },
            "\(daemon.root.files().filter { $0.hasPrefix("quarantine/") }) \(daemon.log)")
        let ledger = try daemon.ledger
        #expect(try eventually { try ledger.status(now: .now).allSatisfy { $0.count(.quarantined) == 0 } }, "\(daemon.log)")
        #expect(try ledger.versions(pipeline: "p").count == 1, "the model is known")
        daemon.process.terminate()
        daemon.process.waitUntilExit()
        #expect(daemon.process.terminationStatus == 0)
    }

    /// Folders only, again and again while many files settle: no file is refused for what a folder does not allow.
    @Test(.enabled(if: isRoot, "another user takes root"))
    func filesAreNotRefusedForTheirFolder() throws {
        let daemon = try OrdinaryDaemon()
        #expect(eventually { daemon.exists("out/outputs/sub/a.csv") }, "\(daemon.log)")
        for number in 0..<200 {
            try daemon.drop("spool/data/sub/f\(number).csv")
            if number % 5 == 0 { #expect(chmod(daemon.root("spool/data/sub"), number % 2 == 0 ? 0 : 0o444) == 0) }
            if number % 5 == 2 { #expect(chmod(daemon.root("spool/data/sub"), 0o755) == 0) }
            usleep(10_000)
        }
        #expect(chmod(daemon.root("spool/data/sub"), 0o755) == 0)
        let ledger = try daemon.ledger
        #expect(
            try eventually(within: 60) {
                try ledger.status(now: .now).contains { $0.counts.contains { $0.role == .data && $0.state == .done && $0.count == 201 } }
            },
            "\(daemon.log)")
        #expect(try ledger.status(now: .now).allSatisfy { $0.count(.quarantined) == 0 })
        #expect(!daemon.root.files().contains { $0.hasPrefix("quarantine/") })
        daemon.process.terminate()
        daemon.process.waitUntilExit()
    }

    @Test func whatNothingTakesIsSaidOnce() throws {
        let daemon = try DaemonProcess("untaken")
        try daemon.root.write(
            """
            name: p
            spool: { models: spool/models, data: { path: spool/data, include: ["*.csv"] } }
            settle: { quiet: 200ms }
            schema: { key: [id], keep: [id] }
            stages: [ deserialize: {}, forward: {} ]
            land: { models: out/models, outputs: { path: out/outputs, format: csv } }
            """, to: "pipelines/p.yaml")
        try daemon.root.write(TinyModel.adding(1), to: "spool/models/m.onnx")
        for name in ["x.json", "data", "sub/y.tsv", ".hidden", "_SUCCESS", "z.csv.tmp", "model.onnx"] {
            try daemon.root.write("x", to: "spool/data/" + name)
        }
        try daemon.start()
        func status(_ arguments: String...) throws -> String {
            try DaemonProcess.command(["status", "--root", daemon.root.path, "--pipelines", daemon.root("pipelines/p.yaml")] + arguments)
                .output
        }
        #expect(
            try eventually { try status().contains("ignored: 4 (data, model.onnx, sub/y.tsv, x.json) in the data spool") },
            "\(daemon.logText)")
        try daemon.drop("x".utf8, at: "spool/data/late.xlsx")
        #expect(
            try eventually { try status().contains("ignored: 5 (data, late.xlsx, model.onnx, sub/y.tsv, x.json) in the data spool") },
            "\(daemon.logText)")
        let json = try #require(try JSONSerialization.jsonObject(with: Data(try status("--json").utf8)) as? [String: Any])
        let conditions = try #require(json["conditions"] as? [[String: Any]])
        let facts = try #require(conditions.first?["facts"] as? [String: Any])
        #expect(conditions.first?["kind"] as? String == "ignored" && facts["count"] as? Int == 5)
        #expect((facts["names"] as? [String])?.count == 5)
        let ledger = try RunLedger(stateDirectory: daemon.root(".millrace"), readOnly: true)
        for name in ["data", "late.xlsx", "model.onnx", "sub/y.tsv", "x.json"] { #expect(unlink(daemon.root("spool/data/" + name)) == 0) }
        #expect(try eventually { try ledger.conditions().isEmpty }, "\(daemon.logText)")
        #expect(daemon.stop() == 0)
        let lines = daemon.logText.split(separator: "\n").filter { $0.contains("files that nothing takes") }
        #expect(lines.count == 2 && lines[0].contains("sub/y.tsv") && lines[1].contains("late.xlsx"), "\(lines)")
    }

    /// How a file was found complete is told by `explain`.
    @Test func explainTellsHowAFileWasFoundComplete() throws {
        let daemon = try DaemonProcess("evidence")
        try daemon.root.write(scoringPipeline, to: "pipelines/p.yaml")
        try daemon.root.write(TinyModel.adding(1), to: "spool/models/m.onnx")
        try daemon.root.write("id,x\na,1\n", to: "spool/data/old.csv")
        try daemon.start()
        #expect(eventually { FileManager.default.fileExists(atPath: daemon.root("out/outputs/old.csv")) }, "\(daemon.logText)")
        try daemon.drop("id,x\na,1\n".utf8, at: "spool/data/renamed.csv")
        #expect(eventually { FileManager.default.fileExists(atPath: daemon.root("out/outputs/renamed.csv")) }, "\(daemon.logText)")
        func explained(_ name: String) throws -> String {
            try DaemonProcess.command([
                "explain", daemon.root("spool/data/" + name), "--root", daemon.root.path, "--pipelines", daemon.root("pipelines/p.yaml"),
            ])
            .output
        }
        #expect(try explained("old.csv").contains("(quiet)"))
        #expect(try explained("renamed.csv").contains("(renamed)"))
        #expect(daemon.stop() == 0)
    }
}
