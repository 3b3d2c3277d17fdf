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
            "mount --bind '\(shared("spool"))' '\(shared("spool"))' && mount -o remount,ro,bind '\(shared("spool"))' && exec '\(DaemonProcess.binary.path)' run '\(daemon.root("pipelines/p.yaml"))' --root '\(daemon.root.path)' --once",
        ]
        try process.run()
        process.waitUntilExit()
        #expect(process.terminationStatus == 0)
        #expect(FileManager.default.fileExists(atPath: shared("out/a.csv")))
    }
}
