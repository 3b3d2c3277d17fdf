import Foundation
import TestSupport
import Testing

/// A daemon of one user, an operator of its group, and a stranger: real users by number, which only root can be.
@Suite(.serialized) struct OtherUserTests {
    private static let daemonUser = 40_001, operatorUser = 40_002, strangerUser = 40_003, group = 50_001, readers = 50_002

    private static let pipeline = """
        name: p
        spool: { models: spool/models, data: spool/data }
        settle: { quiet: 100ms }
        on_error: { attempts: 1 }
        schema: { key: [id], keep: [id] }
        stages: [ deserialize: {}, forward: {} ]
        """

    private static var isPossible: Bool {
        geteuid() == 0 && (try? run(["true"], user: strangerUser, group: strangerUser))?.status == 0
            && access(DaemonProcess.binary.path, X_OK) == 0
            && (try? run([DaemonProcess.binary.path, "--version"], user: strangerUser, group: strangerUser))?.status == 0
    }

    private struct Said { let status: Int32, output: String }

    /// Runs a command as somebody else; `groups` are further ones.
    @discardableResult
    private static func run(_ command: [String], user: Int, group: Int, groups: [Int] = []) throws -> Said {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        let other = groups.isEmpty ? ["--clear-groups"] : ["--groups", groups.map(String.init).joined(separator: ",")]
        process.arguments = ["setpriv", "--reuid", "\(user)", "--regid", "\(group)"] + other + command
        process.currentDirectoryURL = URL(fileURLWithPath: "/")
        let said = Pipe()
        process.standardOutput = said
        process.standardError = said
        try process.run()
        let bytes = said.fileHandleForReading.readDataToEndOfFile()
        process.waitUntilExit()
        return Said(status: process.terminationStatus, output: String(decoding: bytes, as: UTF8.self))
    }

    /// A root that belongs to the daemon's user, with a model and two files, one of which is bad. The daemon has no umask at all.
    private final class Stage {
        let root: TemporaryDirectory
        let process = Process()

        init(land: String) throws {
            root = try TemporaryDirectory("users")
            try root.write(pipeline + "\n" + land + "\n", to: "pipelines/p.yaml")
            try root.write(TinyModel.adding(1), to: "spool/models/m.onnx")
            try root.write("id,x\na,1\n", to: "spool/data/sub/a.csv")
            try root.write("id,x\na,TOPSECRET\n", to: "spool/data/bad.csv")
            try Data().write(to: URL(fileURLWithPath: root("log")))
            chmod(root.path, 0o755)
            try give()
            process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
            process.arguments = [
                "setpriv", "--reuid", "\(daemonUser)", "--regid", "\(group)", "--groups", "\(readers)", "sh", "-c",
                "umask 0; exec '\(DaemonProcess.binary.path)' run '\(root("pipelines"))' --root '\(root.path)'",
            ]
            let log = try FileHandle(forWritingTo: URL(fileURLWithPath: root("log")))
            process.standardOutput = log
            process.standardError = log
        }

        deinit { if process.isRunning { kill(process.processIdentifier, SIGKILL) } }

        private func give() throws {
            let give = Process()
            give.executableURL = URL(fileURLWithPath: "/usr/bin/env")
            give.arguments = ["chown", "-R", "\(daemonUser):\(group)", root.path]
            try give.run()
            give.waitUntilExit()
            // Other tests of this process may have set its umask.
            for name in ["pipelines", "spool", "spool/models", "spool/data", "spool/data/sub"] { chmod(root(name), 0o755) }
            for name in ["pipelines/p.yaml", "spool/models/m.onnx", "spool/data/sub/a.csv", "spool/data/bad.csv"] {
                chmod(root(name), 0o644)
            }
        }

        var log: String { (try? String(contentsOfFile: root("log"), encoding: .utf8)) ?? "" }

        func found(_ path: String) -> (mode: UInt32, group: UInt32)? {
            var found = stat()
            return stat(root(path), &found) == 0 ? (found.st_mode & 0o7777, found.st_gid) : nil
        }

        func mode(_ path: String) -> UInt32? { found(path)?.mode }

        /// Starts, and waits until both files are settled.
        func start() throws {
            try process.run()
            #expect(
                eventually(within: 60) {
                    mode("out/p/sub/a.csv") != nil && mode("quarantine/p/bad.csv.reason.json") != nil && mode("models/ACTIVE") != nil
                        && root.files().contains { $0.hasPrefix("out/p/_millrace/manifest-") }
                }, "\(log)")
        }

        func ask(_ arguments: [String], as user: Int = operatorUser, groups: [Int] = [group]) throws -> Said {
            try run([DaemonProcess.binary.path] + arguments + ["--root", root.path], user: user, group: user, groups: groups)
        }
    }

    private static let plain = "land: { models: models, outputs: { path: out/p, format: csv } }"

    @Test(.enabled(if: isPossible, "other users take root"))
    func modesDoNotDependOnTheUmask() throws {
        let stage = try Stage(land: Self.plain)
        try stage.start()
        for folder in ["out/p", "out/p/sub", "out/p/_millrace", "models", "models/1", "quarantine/p"] {
            #expect(stage.mode(folder) == 0o750, "\(folder)")
        }
        for file in ["out/p/sub/a.csv", "models/1/model.onnx", "models/1/card.json", "models/ACTIVE", "quarantine/p/bad.csv.reason.json"] {
            #expect(stage.mode(file) == 0o640, "\(file)")
        }
        let manifest = try #require(stage.root.files().first { $0.hasPrefix("out/p/_millrace/manifest-") })
        #expect(stage.mode(manifest) == 0o640)
        #expect(stage.mode(".millrace") == 0o700 && stage.mode(".millrace.sock") == 0o660)
        for name in FileManager.default.enumerator(atPath: stage.root(".millrace"))?.allObjects as? [String] ?? [] {
            #expect((stage.mode(".millrace/" + name) ?? 0) & 0o077 == 0, "\(name)")
        }
        // A root that an earlier version made: mended at the next start.
        stage.process.terminate()
        stage.process.waitUntilExit()
        for name in [".millrace", ".millrace/staging", ".millrace/staging/work"] { chmod(stage.root(name), 0o755) }
        for name in [".millrace/ledger.sqlite", ".millrace/lock"] { chmod(stage.root(name), 0o644) }
        try stage.root.write("old", to: ".millrace/training/p/labels/abc.csv")
        chmod(stage.root(".millrace/training/p/labels/abc.csv"), 0o644)
        let again = try Self.run(
            [DaemonProcess.binary.path, "run", "--once", stage.root("pipelines"), "--root", stage.root.path], user: 0, group: 0)
        #expect(again.status == 0, "\(again.output)")
        for name in [".millrace", ".millrace/staging", ".millrace/staging/work", ".millrace/training", ".millrace/training/p/labels"] {
            #expect(stage.mode(name) == 0o700, "\(name)")
        }
        for name in [".millrace/ledger.sqlite", ".millrace/lock", ".millrace/training/p/labels/abc.csv"] {
            #expect(stage.mode(name) == 0o600, "\(name)")
        }
    }

    @Test(.enabled(if: isPossible, "other users take root"))
    func whatLandsHasTheModeAndGroupOfThePipeline() throws {
        let stage = try Stage(land: "land: { models: models, outputs: { path: out/p, format: csv }, mode: 0664, group: \(Self.readers) }")
        try stage.start()
        for file in ["out/p/sub/a.csv", "models/1/model.onnx", "models/ACTIVE", "quarantine/p/bad.csv.reason.json"] {
            let found = try #require(stage.found(file))
            #expect(found.mode == 0o664 && found.group == UInt32(Self.readers), "\(file) \(found)")
        }
        for folder in ["out/p", "out/p/sub", "models/1", "quarantine/p"] {
            let found = try #require(stage.found(folder))
            #expect(found.mode == 0o775 && found.group == UInt32(Self.readers), "\(folder) \(found)")
        }
    }

    @Test(.enabled(if: isPossible, "other users take root"))
    func aGroupThatTheDaemonIsNotInIsRefused() throws {
        let stage = try Stage(land: "land: { models: models, outputs: { path: out/p, format: csv }, group: 50999 }")
        try stage.process.run()
        stage.process.waitUntilExit()
        #expect(stage.process.terminationStatus != 0)
        #expect(stage.log.contains("land.group 50999, and the daemon's user is no member of it"), "\(stage.log)")
    }

    @Test(.enabled(if: isPossible, "other users take root"))
    func anOperatorOfTheGroupAsksTheDaemon() throws {
        let stage = try Stage(land: Self.plain)
        try stage.start()
        let status = try stage.ask(["status", "--json"])
        #expect(status.status == 0 && status.output.contains("\"pid\" : \(stage.process.processIdentifier)"), "\(status.output)")
        #expect(status.output.contains("bad.csv"))
        for command in [
            ["status"], ["runs"], ["runs", "1"], ["models", "p"], ["events"], ["plan"], ["check"], ["prune", "--dry-run"],
            ["explain", stage.root("spool/data/sub/a.csv")],
            ["pause", "p"], ["resume", "p"],
        ] {
            let said = try stage.ask(command)
            #expect(said.status == 0, "\(command): \(said.output)")
        }
        #expect(try stage.ask(["explain", stage.root("spool/data/sub/a.csv")]).output.contains("a.csv: done"))
        // What it asks for is done.
        try stage.root.write("id,x\na,2\n", to: "spool/data/late.csv")
        #expect(try stage.ask(["pause"]).output.contains("every pipeline is paused"))
        #expect(try stage.ask(["status"]).output.contains("every pipeline is paused"))
        #expect(try stage.ask(["resume"]).status == 0)
        let retried = try stage.ask(["retry", "bad.csv"])
        #expect(retried.status == 0 && retried.output.contains("bad.csv waits again"), "\(retried.output)")
        #expect(eventually(within: 30) { (try? stage.ask(["runs", "--json"]).output.contains("late.csv")) == true }, "\(stage.log)")

        stage.process.terminate()
        stage.process.waitUntilExit()
        #expect(stage.process.terminationStatus == 0)
        let alone = try stage.ask(["status"])
        #expect(alone.status == 1 && alone.output.contains("no daemon is running"), "\(alone.output)")
    }

    @Test(.enabled(if: isPossible, "other users take root"))
    func aStrangerIsToldNothing() throws {
        let stage = try Stage(land: Self.plain)
        try stage.start()
        for command in [["status"], ["runs"], ["pause"], ["retry", "bad.csv"], ["events"]] {
            let said = try stage.ask(command, as: Self.strangerUser, groups: [])
            #expect(said.status != 0 && !said.output.contains("TOPSECRET"), "\(command): \(said.output)")
            #expect(said.output.contains("Permission denied"), "\(said.output)")
        }
        for file in [
            "out/p/sub/a.csv", "quarantine/p/bad.csv.reason.json", ".millrace/lock", ".millrace/ledger.sqlite",
            ".millrace/ledger.sqlite-shm",
        ] {
            #expect(try Self.run(["cat", stage.root(file)], user: Self.strangerUser, group: Self.strangerUser).status != 0, "\(file)")
        }
        // Also where the socket itself lets everybody in, the daemon does not.
        chmod(stage.root(".millrace.sock"), 0o666)
        let said = try stage.ask(["status"], as: Self.strangerUser, groups: [])
        #expect(said.status != 0 && said.output.contains("only the daemon's user and the members of its group"), "\(said.output)")
        // Who puts a socket of his own there is not believed.
        #expect(try stage.ask(["status"]).status == 0)
    }

    /// A name with a line feed and an escape sequence forges no line, neither in the log nor in what commands print.
    @Test func namesForgeNoLines() throws {
        let daemon = try DaemonProcess("forged")
        try daemon.root.write(Self.pipeline + "\n" + Self.plain + "\n", to: "pipelines/p.yaml")
        try daemon.root.write(TinyModel.adding(1), to: "spool/models/m.onnx")
        let name = "new\n2026-11-28T00:00:00Z critical forged \u{1B}[31mred\u{202E}.csv"
        try daemon.drop("id,x\na,cell\u{1B}[2J\n".utf8, at: "spool/data/" + name)
        try daemon.start()
        #expect(eventually { daemon.logText.contains("forged") }, "\(daemon.logText)")
        var said = [daemon.logText]
        for command in [
            ["status"], ["runs"], ["runs", "2"], ["explain", daemon.root("spool/data/" + name)], ["events"],
            ["status", "--pipelines", name],
        ] {
            let answer = try DaemonProcess.command(command + ["--root", daemon.root.path])
            said.append(answer.output + answer.error)
        }
        #expect(said.contains { $0.contains(#"new\n2026-11-28T00:00:00Z critical forged \u{1B}[31mred\u{202E}.csv"#) }, "\(said)")
        for text in said {
            #expect(!text.unicodeScalars.contains { $0 == "\u{1B}" || $0 == "\u{202E}" }, "\(text)")
            #expect(!text.split(separator: "\n").contains { $0.hasPrefix("2026-11-28T00:00:00Z critical") }, "\(text)")
        }
        #expect(daemon.stop() == 0)
    }
}
