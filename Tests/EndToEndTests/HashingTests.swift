import Foundation
import Glibc
import Ledger
import TestSupport
import Testing

/// A file of hundreds of gigabytes that is being read for its digest holds up neither others nor the end of the daemon.
@Suite(.serialized) struct HashingTests {
    private func daemon(_ names: String...) throws -> DaemonProcess {
        let daemon = try DaemonProcess("hashing")
        for name in names {
            try daemon.root.write(
                """
                name: \(name)
                spool: { models: spool/\(name)/models, data: spool/\(name)/data }
                settle: { quiet: 200ms }
                schema: { key: [id], keep: [id] }
                stages: [ deserialize: {}, forward: {} ]
                land: { models: out/\(name)/models, outputs: { path: out/\(name)/outputs, format: csv } }
                """, to: "pipelines/\(name).yaml")
            try daemon.root.write(TinyModel.adding(1), to: "spool/\(name)/models/m.onnx")
        }
        return daemon
    }

    /// No blocks on disk: 400 GB of zeros after a header.
    private func dropSparse(_ daemon: DaemonProcess, _ path: String) throws {
        let file = try daemon.root.write("id,x\n", to: path + ".part")
        #expect(truncate(file, 400_000_000_000) == 0)
        #expect(rename(file, daemon.root(path)) == 0)
    }

    private func exists(_ daemon: DaemonProcess, _ path: String) -> Bool { FileManager.default.fileExists(atPath: daemon.root(path)) }

    @Test func aHugeFileHoldsUpNobody() throws {
        let daemon = try daemon("a", "b")
        try daemon.start()
        #expect(eventually { exists(daemon, "out/a/models/ACTIVE") && exists(daemon, "out/b/models/ACTIVE") }, "\(daemon.logText)")
        for number in 1...3 { try dropSparse(daemon, "spool/a/data/huge-\(number).csv") }
        let ledger = try RunLedger(stateDirectory: daemon.root(".millrace"), readOnly: true)
        #expect(try eventually { try ledger.conditions(pipeline: "a").count { $0.key.kind == .hashing } == 3 }, "\(daemon.logText)")
        let start = ContinuousClock.now
        for pipeline in ["a", "b"] { try daemon.drop("id,x\nr,1\n".utf8, at: "spool/\(pipeline)/data/small.csv") }
        #expect(eventually { exists(daemon, "out/b/outputs/small.csv") && exists(daemon, "out/a/outputs/small.csv") }, "\(daemon.logText)")
        #expect(ContinuousClock.now - start < .seconds(40), "400 GB take minutes to read")
        let status = try DaemonProcess.command(["status", "--root", daemon.root.path, "--pipelines", daemon.root("pipelines/a.yaml")])
            .output
        #expect(status.contains("huge-1.csv") && status.contains("of 400.0 GB are read"), "\(status)")
        let stop = ContinuousClock.now
        #expect(daemon.stop() == 0)
        #expect(ContinuousClock.now - stop < .seconds(20), "400 GB take minutes to read")
        #expect(try ledger.conditions().isEmpty)
    }

    /// A huge file that is removed, or written anew, is not read to its end.
    @Test func aHugeFileThatGoesIsForgotten() throws {
        let daemon = try daemon("a")
        try daemon.start()
        #expect(eventually { exists(daemon, "out/a/models/ACTIVE") }, "\(daemon.logText)")
        try dropSparse(daemon, "spool/a/data/one.csv")
        try dropSparse(daemon, "spool/a/data/two.csv")
        let ledger = try RunLedger(stateDirectory: daemon.root(".millrace"), readOnly: true)
        #expect(try eventually { try ledger.conditions().count == 2 })
        #expect(unlink(daemon.root("spool/a/data/one.csv")) == 0)
        try daemon.drop("id,x\nr,1\n".utf8, at: "spool/a/data/two.csv")
        #expect(eventually { exists(daemon, "out/a/outputs/two.csv") }, "\(daemon.logText)")
        #expect(
            try eventually(within: 120) { try ledger.conditions().isEmpty },
            "400 GB take longer to read: \(daemon.logText)")
        #expect(daemon.stop() == 0)
    }

    /// A stop while `--once` reads a huge file.
    @Test func onceIsStopped() throws {
        let daemon = try daemon("a")
        try dropSparse(daemon, "spool/a/data/huge.csv")
        usleep(500_000)
        try daemon.start(["--once"])
        #expect(eventually { exists(daemon, "out/a/models/ACTIVE") }, "\(daemon.logText)")
        let stop = ContinuousClock.now
        _ = daemon.stop()
        #expect(ContinuousClock.now - stop < .seconds(20), "400 GB take minutes to read")
    }
}
