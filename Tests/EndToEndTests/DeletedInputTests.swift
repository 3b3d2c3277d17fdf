import Arrivals
import Foundation
import Glibc
import Ledger
import SystemPackage
import TestSupport
import Testing

/// `on_input_deleted: remove`: an output goes when its input was deleted upstream, and for no other reason.
@Suite(.serialized) struct DeletedInputTests {
    private static func pipeline(_ settings: String = "on_input_deleted: remove") -> String {
        """
        \(scoringPipeline)
        \(settings)

        """
    }

    /// A daemon that has scored these files.
    private func world(_ names: [String], _ settings: String = "on_input_deleted: remove") throws -> DaemonProcess {
        let daemon = try DaemonProcess("deleted")
        try daemon.root.write(Self.pipeline(settings), to: "pipelines/p.yaml")
        try daemon.root.write(TinyModel.adding(1), to: "spool/models/m.onnx")
        for name in names { try daemon.root.write("id,x\n\(name),1\n", to: "spool/data/" + name) }
        try daemon.start()
        #expect(eventually { Set(outputs(daemon.root)) == Set(names) }, "\(daemon.logText)")
        return daemon
    }

    private func outputs(_ root: TemporaryDirectory) -> [String] {
        root.files().filter { $0.hasPrefix("out/outputs/") && !$0.contains("_millrace") }.map { String($0.dropFirst(12)) }
    }

    private func ledger(_ root: TemporaryDirectory) throws -> RunLedger { try RunLedger(stateDirectory: root(".millrace"), readOnly: true) }

    private func state(_ name: String, _ root: TemporaryDirectory) throws -> ArrivalState? {
        try ledger(root).explain(path: name, pipeline: "p", now: .now).first?.visits.first?.arrival.state
    }

    private func command(_ words: String..., at root: TemporaryDirectory) throws -> DaemonProcess.CommandOutput {
        try DaemonProcess.command(words + ["--root", root.path])
    }

    private func remove(_ path: String) throws { try FileManager.default.removeItem(atPath: path) }

    /// Whether deletions in the spool count: the daemon has noted its folder.
    private func counts(_ root: TemporaryDirectory) throws -> Bool {
        // A daemon that has just been started is still making its ledger.
        guard let ledger = try? ledger(root) else { return false }
        return try ledger.watchedFolder(of: "p") != nil
    }

    @Test func outputsGoWithFilesAndFolders() throws {
        let daemon = try world(["a.csv", "b.csv", "changed.csv", "sub/c.csv", "sub/deep/d.csv"])
        let root = daemon.root
        #expect(try eventually { try counts(root) })
        try remove(root("spool/data/a.csv"))
        try remove(root("spool/data/sub"))
        try root.write("mine", to: "out/outputs/changed.csv")
        try remove(root("spool/data/changed.csv"))
        #expect(eventually { outputs(root) == ["b.csv", "changed.csv"] }, "\(daemon.logText)")
        #expect(try root.read("out/outputs/changed.csv") == Array("mine".utf8))
        #expect(eventually { daemon.logText.contains("an old output stays") })
        #expect(try eventually { try ledger(root).publications(.left).count == 1 })
        let told = try command("explain", root("spool/data/a.csv"), at: root)
        #expect(told.output.contains("ignored") && told.output.contains("input.deleted"), "\(told.output)\(told.error)")
        let events = try command("events", at: root).output
        #expect(events.contains("deleted"), "\(events)")
        // Files that stay, or come under a new name, are as they were.
        #expect(rename(root("spool/data/b.csv"), root("spool/data/e.csv")) == 0)
        #expect(eventually { outputs(root) == ["changed.csv", "e.csv"] }, "\(daemon.logText)")
        // The same content again is done again.
        try daemon.drop("id,x\na.csv,1\n".utf8, at: "spool/data/a.csv")
        #expect(eventually { outputs(root) == ["a.csv", "changed.csv", "e.csv"] }, "\(daemon.logText)")
        #expect(daemon.stop() == 0)
        let check = try command("check", at: root)
        #expect(check.status == 1 && check.output.contains("changed.csv") && !check.output.contains("missing"), "\(check.output)")

        // A ledger that is lost comes back without what was removed.
        try remove(root(".millrace"))
        let rebuilt = try command("rebuild", at: root)
        #expect(rebuilt.status == 0, "\(rebuilt.output)\(rebuilt.error)")
        #expect(try ledger(root).published().map(\.output.path).sorted() == ["a.csv", "e.csv"])
        #expect(try command("check", at: root).status == 0)
        let once = try command("run", "--once", root("pipelines/p.yaml"), at: root)
        #expect(once.status == 0, "\(once.error)")
        #expect(outputs(root) == ["a.csv", "changed.csv", "e.csv"])
        #expect(try state("a.csv", root) == .done && state("b.csv", root) == nil)
    }

    @Test func whatWentWhileNoDaemonRanIsMissed() throws {
        let daemon = try world(["a.csv", "b.csv", "sub/c.csv"])
        let root = daemon.root
        #expect(try eventually { try counts(root) })
        #expect(daemon.stop() == 0)
        try remove(root("spool/data/a.csv"))
        try daemon.start()
        #expect(eventually { outputs(root) == ["b.csv", "sub/c.csv"] }, "\(daemon.logText)")
        #expect(daemon.stop() == 0)
        try remove(root("spool/data/sub"))
        let once = try command("run", "--once", root("pipelines/p.yaml"), at: root)
        #expect(once.status == 0 && outputs(root) == ["b.csv"], "\(once.error)")
        #expect(try command("check", at: root).status == 0)
    }

    /// Deletions from before the key was in force are none; nor are files that `after` took out of the spool.
    @Test func theKeyCountsFromWhenItIsThere() throws {
        let daemon = try world(["a.csv", "b.csv"], "after: archive\narchive: put")
        let root = daemon.root
        #expect(eventually { root.files().contains("put/b.csv") })
        try root.write(Self.pipeline("on_input_deleted: keep"), to: "pipelines/p.yaml")
        #expect(eventually { daemon.logText.contains("pipelines re-read") })
        try daemon.drop("id,x\nc,1\n".utf8, at: "spool/data/c.csv")
        try daemon.drop("id,x\nd,1\n".utf8, at: "spool/data/d.csv")
        #expect(eventually { outputs(root).count == 4 }, "\(daemon.logText)")
        try remove(root("spool/data/c.csv"))
        usleep(500_000)
        try root.write(Self.pipeline(), to: "pipelines/p.yaml")
        #expect(try eventually { try counts(root) }, "\(daemon.logText)")
        #expect(eventually { daemon.logText.contains("files were gone before deletions counted") }, "\(daemon.logText)")
        try remove(root("spool/data/d.csv"))
        #expect(eventually { outputs(root) == ["a.csv", "b.csv", "c.csv"] }, "\(daemon.logText)")
        #expect(daemon.stop() == 0)
        try daemon.start()
        usleep(1_000_000)
        #expect(outputs(root) == ["a.csv", "b.csv", "c.csv"])
        // Back and forth: what goes under `keep` stays for good.
        try root.write(Self.pipeline("on_input_deleted: keep"), to: "pipelines/p.yaml")
        #expect(try eventually { try !counts(root) }, "\(daemon.logText)")
        #expect(daemon.stop() == 0)
    }

    /// The folder is moved away, while a daemon runs or not: an empty one in its place says nothing, and when it is back deletions count.
    @Test func aSpoolThatWasMovedAwayLosesNothing() throws {
        let daemon = try world(["a.csv", "b.csv", "c.csv"])
        let root = daemon.root
        #expect(try eventually { try counts(root) })
        #expect(rename(root("spool/data"), root("elsewhere")) == 0)
        usleep(1_500_000)
        try FileManager.default.createDirectory(atPath: root("spool/data"), withIntermediateDirectories: false)
        usleep(1_500_000)
        #expect(outputs(root).count == 3, "\(daemon.logText)")
        #expect(daemon.stop() == 0)
        try daemon.start()
        usleep(1_500_000)
        #expect(outputs(root).count == 3, "\(daemon.logText)")
        #expect(daemon.stop() == 0)
        try remove(root("spool/data"))
        #expect(rename(root("elsewhere"), root("spool/data")) == 0)
        try remove(root("spool/data/a.csv"))
        try daemon.start()
        #expect(eventually { outputs(root) == ["b.csv", "c.csv"] }, "\(daemon.logText)")
        // Another folder takes its place for good: it counts once it is in use, and what is not in it stays.
        #expect(daemon.stop() == 0)
        #expect(rename(root("spool/data"), root("elsewhere")) == 0)
        try root.write("id,x\nb.csv,1\n", to: "spool/data/b.csv")
        try daemon.start()
        #expect(eventually { daemon.logText.contains("the spool is another folder than before") }, "\(daemon.logText)")
        try remove(root("spool/data/b.csv"))
        #expect(eventually { outputs(root) == ["c.csv"] }, "\(daemon.logText)")
        #expect(daemon.stop() == 0)
    }

    /// A spool, or a folder in it, that is a mount and is unmounted.
    @Test(.enabled(if: geteuid() == 0, "mounting takes root"), arguments: ["spool/data", "spool/data/sub"])
    func anUnmountedSpoolLosesNothing(mount: String) throws {
        let root = try TemporaryDirectory("unmounted")
        try root.write(Self.pipeline(), to: "pipelines/p.yaml")
        try root.write(TinyModel.adding(1), to: "spool/models/m.onnx")
        let folder = mount == "spool/data" ? "sub/" : ""
        for name in ["a", "b"] { try root.write("id,x\n\(name),1\n", to: "store/\(folder)\(name).csv") }
        try root.write(
            """
            set -e
            cd \(root.path)
            mkdir -p \(mount)
            mount --make-rprivate /
            mount -t tmpfs none \(mount)
            cp -a store/. \(mount)/
            run() { \(DaemonProcess.binary.path) run --once --wait 2s pipelines/p.yaml --root .; }
            run
            ls out/outputs/sub > before
            mount --bind \(mount) store
            umount \(mount)
            run
            ls out/outputs/sub > unmounted
            mount --bind store \(mount)
            rm \(mount)/\(folder)a.csv
            run
            ls out/outputs/sub > deleted
            """, to: "script")
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        process.arguments = ["unshare", "-m", "sh", root("script")]
        let errors = Pipe()
        process.standardError = errors
        process.standardOutput = FileHandle.nullDevice
        try process.run()
        let said = String(decoding: errors.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
        process.waitUntilExit()
        #expect(process.terminationStatus == 0, "\(said)")
        #expect(try String(decoding: root.read("before"), as: UTF8.self) == "a.csv\nb.csv\n", "\(said)")
        #expect(try String(decoding: root.read("unmounted"), as: UTF8.self) == "a.csv\nb.csv\n", "\(said)")
        #expect(try String(decoding: root.read("deleted"), as: UTF8.self) == "b.csv\n", "\(said)")
    }

    /// A file that is deleted while it is worked on is finished, since it is open, and its output goes then.
    @Test func whatIsDeletedWhileItRunsLeavesNothing() throws {
        let daemon = try world(["a.csv"])
        let root = daemon.root
        #expect(try eventually { try counts(root) })
        try daemon.drop(TinyModel.counting(), at: "spool/models/slow.onnx")
        #expect(eventually { (try? root.read("out/models/ACTIVE")) == Array("2\n".utf8) }, "\(daemon.logText)")
        try daemon.drop("id,x\ns,1500000\n".utf8, at: "spool/data/slow.csv")
        #expect(try eventually { try state("slow.csv", root) == .running }, "\(daemon.logText)")
        try remove(root("spool/data/slow.csv"))
        #expect(try eventually { try state("slow.csv", root) == .ignored }, "\(daemon.logText)")
        #expect(eventually { outputs(root) == ["a.csv"] }, "\(daemon.logText)")
        #expect(daemon.stop() == 0)
        #expect(try command("check", at: root).status == 0)
    }

    /// Two inputs of one output: when the first is deleted the second, which was refused, is taken up.
    @Test func theFileThatWasRefusedTakesThePlace() throws {
        let daemon = try world(["a.csv"])
        let root = daemon.root
        #expect(try eventually { try counts(root) })
        try daemon.drop("{\"id\":\"j\",\"x\":5}\n".utf8, at: "spool/data/a.jsonl")
        #expect(try eventually { try state("a.jsonl", root) == .quarantined }, "\(daemon.logText)")
        #expect(eventually { root.files().contains("quarantine/p/a.jsonl.reason.json") })
        try remove(root("spool/data/a.csv"))
        #expect(eventually { (try? root.read("out/outputs/a.csv")) == Array("id,y\nj,6.0\n".utf8) }, "\(daemon.logText)")
        #expect(eventually { !root.files().contains { $0.hasPrefix("quarantine/") } }, "its reason is gone with its cause")
        #expect(daemon.stop() == 0)
        #expect(try command("check", at: root).status == 0)
    }

    // MARK: Sync tools

    private static func has(_ tool: String) -> Bool {
        (ProcessInfo.processInfo.environment["PATH"] ?? "").split(separator: ":").contains { access("\($0)/\(tool)", X_OK) == 0 }
    }

    private func run(_ words: [String]) throws {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        process.arguments = words
        process.standardError = FileHandle.nullDevice
        process.standardOutput = FileHandle.nullDevice
        try process.run()
        process.waitUntilExit()
        #expect(process.terminationStatus == 0, "\(words)")
    }

    @Test(.enabled(if: has("rsync"), "rsync is not installed"))
    func rsyncDelete() throws { try sync { ["rsync", "-a", "--delete", "--exclude", ".millrace-claim", $0 + "/", $1 + "/"] } }

    @Test(.enabled(if: has("rclone"), "rclone is not installed"))
    func rcloneSync() throws { try sync { ["rclone", "sync", $0, $1, "--exclude", ".millrace-claim/**"] } }

    /// Files are added, changed, renamed and deleted at the source, and the tool brings the spool up to date: the outputs follow.
    private func sync(_ words: (_ from: String, _ to: String) -> [String]) throws {
        let daemon = try DaemonProcess("synced")
        let root = daemon.root
        try root.write(Self.pipeline(), to: "pipelines/p.yaml")
        try root.write(TinyModel.adding(1), to: "spool/models/m.onnx")
        for name in ["a.csv", "b.csv", "c.csv", "day=1/d.csv", "day=1/e.csv"] { try root.write("id,x\n\(name),1\n", to: "source/" + name) }
        try daemon.start()
        #expect(try eventually { try counts(root) }, "\(daemon.logText)")
        try run(words(root("source"), root("spool/data")))
        #expect(eventually { outputs(root).count == 5 }, "\(daemon.logText)")
        try remove(root("source/a.csv"))
        try remove(root("source/day=1"))
        try root.write("id,x\nchanged,2\nrows,3\n", to: "source/b.csv")
        #expect(rename(root("source/c.csv"), root("source/f.csv")) == 0)
        try run(words(root("source"), root("spool/data")))
        #expect(eventually { outputs(root) == ["b.csv", "f.csv"] }, "\(outputs(root)) \(daemon.logText)")
        #expect(eventually { (try? root.read("out/outputs/b.csv")) == Array("id,y\nchanged,3.0\nrows,4.0\n".utf8) })
        #expect(daemon.stop() == 0)
        #expect(try command("check", at: root).status == 0)
    }
}
