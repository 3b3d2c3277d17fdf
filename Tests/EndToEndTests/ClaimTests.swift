import Foundation
import Glibc
import TestSupport
import Testing

/// Two daemons, whatever their roots, never work on one folder.
@Suite(.serialized) struct ClaimTests {
    private let shared: TemporaryDirectory

    init() throws { shared = try TemporaryDirectory("shared") }

    private func daemon(spool: String, outputs: String, models: String) throws -> DaemonProcess {
        let daemon = try DaemonProcess("claimant")
        try daemon.root.write(
            """
            name: p
            spool: { models: \(daemon.root("models")), data: \(shared(spool)) }
            settle: { quiet: 200ms }
            schema: { key: [id], keep: [id] }
            stages: [ deserialize: {}, forward: {} ]
            land: { models: \(shared(models)), outputs: { path: \(shared(outputs)), format: csv } }
            """, to: "pipelines/p.yaml")
        try daemon.root.write(TinyModel.adding(1), to: "models/m.onnx")
        return daemon
    }

    private func isRunning(_ daemon: DaemonProcess) -> Bool { eventually { daemon.logText.contains("running") } }

    private func status(_ daemon: DaemonProcess) -> Int32 {
        daemon.process?.waitUntilExit()
        return daemon.process?.terminationStatus ?? -1
    }

    @Test(arguments: [("spool", "other-out", "other-models"), ("other", "out", "other-models"), ("other", "other-out", "models")])
    func theSecondIsRefusedAndToldWhoHoldsTheFolder(spool: String, outputs: String, models: String) throws {
        let first = try daemon(spool: "spool", outputs: "out", models: "models")
        try first.start()
        #expect(isRunning(first), "\(first.logText)")
        let second = try daemon(spool: spool, outputs: outputs, models: models)
        try second.start()
        #expect(status(second) == 4, "\(second.logText)")
        #expect(second.logText.contains("another daemon works on \(shared.path)"), "\(second.logText)")
        #expect(second.logText.contains("pid \(first.process?.processIdentifier ?? 0) on host"), "\(second.logText)")
        #expect(second.logText.contains(first.root.path), "\(second.logText)")
        // Killed, it holds nothing any more; stopped, it leaves nothing.
        first.kill()
        try second.start()
        #expect(isRunning(second), "\(second.logText)")
        // The versions that another root has published stay whose they are.
        if models != "models" {
            try second.drop("id,x\na,1\n".utf8, at: "x")
            try FileManager.default.moveItem(atPath: second.root("x"), toPath: shared(spool + "/a.csv"))
            #expect(eventually { FileManager.default.fileExists(atPath: shared(outputs + "/a.csv")) }, "\(second.logText)")
        }
        #expect(second.stop() == 0)
        #expect(!shared.files().contains { $0.contains("claim") && $0.hasPrefix(spool + "/") }, "\(shared.files())")
    }

    /// The outputs of one are the spool of the next.
    @Test func daemonsMayBeChained() throws {
        let first = try daemon(spool: "spool", outputs: "between", models: "m1")
        let second = try DaemonProcess("next")
        try second.root.write(
            """
            name: q
            spool: { models: \(second.root("models")), data: \(shared("between")) }
            settle: { quiet: 200ms }
            schema: { key: [id], keep: [id], inputs: { x: { columns: y } } }
            stages: [ deserialize: {}, forward: {} ]
            land: { models: \(shared("m2")), outputs: { path: \(shared("end")), format: csv } }
            """, to: "pipelines/q.yaml")
        try second.root.write(TinyModel.adding(1), to: "models/m.onnx")
        try first.start()
        try second.start()
        #expect(isRunning(first) && isRunning(second), "\(first.logText) \(second.logText)")
        try first.drop("id,x\na,1\n".utf8, at: "x")
        try FileManager.default.moveItem(atPath: first.root("x"), toPath: shared("spool/a.csv"))
        #expect(eventually { FileManager.default.fileExists(atPath: shared("end/a.csv")) }, "\(first.logText) \(second.logText)")
        #expect(first.stop() == 0 && second.stop() == 0)
    }

    /// A spool is read with everything below it, so that a folder in it, or around it, is nobody else's either.
    @Test(arguments: [
        ("in/spool/sub", "other-out"), ("in", "other-out"), ("other", "out/sub"),
    ])
    func foldersInAnothersAreRefused(spool: String, outputs: String) throws {
        let first = try daemon(spool: "in/spool", outputs: "out", models: "models")
        try first.start()
        #expect(isRunning(first), "\(first.logText)")
        let second = try daemon(spool: spool, outputs: outputs, models: "other-models")
        try second.start()
        #expect(status(second) == 4, "\(second.logText)")
        #expect(
            second.logText.contains("where another daemon works: pid \(first.process?.processIdentifier ?? 0) on host"), "\(second.logText)"
        )
        // It has left nothing where it was refused.
        let kept = shared.files().filter { $0.hasSuffix("claim/holder") }
        #expect(
            kept.sorted() == ["in/spool/.millrace-claim/holder", "models/_millrace/claim/holder", "out/_millrace/claim/holder"], "\(kept)")
        // Killed, it is in nobody's way.
        first.kill()
        try second.start()
        #expect(isRunning(second), "\(second.logText)")
        #expect(second.stop() == 0)
    }

    /// Outputs of one daemon may be what another reads, in any folder of them, and the other way round.
    @Test(arguments: [("out/deep/spool", "other-out"), ("other", "in/spool/out")])
    func aChainOfDaemonsMayMeetInAFolderOfAnothers(spool: String, outputs: String) throws {
        let first = try daemon(spool: "in/spool", outputs: "out", models: "models")
        let second = try daemon(spool: spool, outputs: outputs, models: "other-models")
        try first.start()
        #expect(isRunning(first), "\(first.logText)")
        try second.start()
        #expect(isRunning(second), "\(second.logText)")
        #expect(second.stop() == 0 && first.stop() == 0)
    }

    /// An edit that is refused, since nothing can be staged for its folder, leaves no claim on it, and is taken up when it can be.
    @Test(.enabled(if: geteuid() == 0, "mounting takes root")) func anEditThatIsRefusedClaimsNothing() throws {
        let daemon = try daemon(spool: "spool", outputs: "out", models: "models")
        let text = String(decoding: try daemon.root.read("pipelines/p.yaml"), as: UTF8.self)
        try FileManager.default.createDirectory(atPath: shared("disk"), withIntermediateDirectories: true)
        let mount = try Process.run(
            URL(fileURLWithPath: "/usr/bin/env"), arguments: ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", shared("disk")])
        mount.waitUntilExit()
        try #require(mount.terminationStatus == 0)
        defer { _ = try? Process.run(URL(fileURLWithPath: "/usr/bin/env"), arguments: ["umount", "-l", shared("disk")]) }
        try daemon.start()
        #expect(isRunning(daemon), "\(daemon.logText)")
        // The whole mount is the folder, so that there is no place beside it.
        try daemon.root.write(text.replacing(shared("out"), with: shared("disk")), to: "pipelines/p.yaml")
        #expect(eventually { daemon.logText.contains("the edit is refused") }, "\(daemon.logText)")
        func isClaimed(_ folder: String) -> Bool { FileManager.default.fileExists(atPath: shared(folder + "/_millrace/claim")) }
        #expect(eventually { !isClaimed("disk") })
        #expect(isClaimed("out"))
        // What was in force goes on.
        try daemon.drop("id,x\na,1\n".utf8, at: "x")
        try FileManager.default.moveItem(atPath: daemon.root("x"), toPath: shared("spool/a.csv"))
        #expect(eventually { FileManager.default.fileExists(atPath: shared("out/a.csv")) }, "\(daemon.logText)")
        // The same file, asked for again, is refused again, and not taken for what is in force.
        let refusals = daemon.logText.components(separatedBy: "the edit is refused").count
        kill(daemon.process?.processIdentifier ?? 0, SIGHUP)
        #expect(eventually { daemon.logText.components(separatedBy: "the edit is refused").count > refusals }, "\(daemon.logText)")
        try daemon.root.write(text.replacing(shared("out"), with: shared("disk/out")), to: "pipelines/p.yaml")
        #expect(eventually { isClaimed("disk/out") && !isClaimed("out") }, "\(daemon.logText)")
        #expect(daemon.stop() == 0)
    }

    /// A spool that is mounted read-only is worked on all the same.
    @Test(.enabled(if: geteuid() == 0, "mounting takes root")) func aSpoolThatCannotBeWrittenIsReadAllTheSame() throws {
        let daemon = try daemon(spool: "spool", outputs: "out", models: "models")
        try FileManager.default.createDirectory(atPath: shared("spool"), withIntermediateDirectories: true)
        try shared.write("id,x\na,1\n", to: "spool/a.csv")
        usleep(300_000)
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/unshare")
        process.arguments = [
            "-m", "sh", "-c",
            """
            mount --bind '\(shared("spool"))' '\(shared("spool"))' && mount -o remount,ro,bind '\(shared("spool"))' \
            && exec '\(DaemonProcess.binary.path)' run '\(daemon.root("pipelines/p.yaml"))' --root '\(daemon.root.path)' --once
            """,
        ]
        try process.run()
        process.waitUntilExit()
        #expect(process.terminationStatus == 0)
        #expect(FileManager.default.fileExists(atPath: shared("out/a.csv")))
    }
}
