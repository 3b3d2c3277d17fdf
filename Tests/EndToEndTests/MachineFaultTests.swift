import Arrivals
import Foundation
import Glibc
import Ledger
import Reasons
import TestSupport
import Testing

/// Real faults of the machine: a disk that fills and is freed, and a ledger that another process holds. Nothing is quarantined, nothing is
/// lost, and all goes on without anyone doing anything.
@Suite(.serialized) struct MachineFaultTests {
    private static let pipeline = """
        name: p
        spool: { models: spool/models, data: spool/data }
        settle: { quiet: 200ms }
        on_error: { attempts: 2, backoff: 100ms }
        schema: { key: [id], keep: [id] }
        stages: [ deserialize: {}, forward: {} ]
        land: { models: out/models, outputs: { path: disk/outputs, format: csv } }
        """

    /// A daemon that sees a small disk of its own as `disk`: a tmpfs in a mount namespace, which only root may make.
    private final class SmallDisk {
        let root: TemporaryDirectory
        let process = Process()

        init(kibibytes: Int, filled: Int, models: String = "out/models", _ arguments: [String] = []) throws {
            root = try TemporaryDirectory("disk")
            for folder in ["disk", "spool/data", "spool/models"] {
                try FileManager.default.createDirectory(atPath: root(folder), withIntermediateDirectories: true)
            }
            try root.write(pipeline.replacing("out/models", with: models), to: "pipelines/p.yaml")
            try root.write(TinyModel.adding(1), to: "spool/models/m.onnx")
            try Data().write(to: URL(fileURLWithPath: root("log")))
            let run = ([DaemonProcess.binary.path, "run", root("pipelines/p.yaml"), "--root", root.path] + arguments)
                .map { "'\($0)'" }.joined(separator: " ")
            process.executableURL = URL(fileURLWithPath: "/usr/bin/unshare")
            process.arguments = [
                "-m", "sh", "-c",
                """
                mount -t tmpfs -o size=\(kibibytes)k tmpfs '\(root("disk"))' \
                && head -c \(filled * 1024) /dev/zero > '\(root("disk/fill"))'; exec \(run)
                """,
            ]
            let output = try FileHandle(forWritingTo: URL(fileURLWithPath: root("log")))
            process.standardOutput = output
            process.standardError = output
        }

        deinit { if process.isRunning { kill(process.processIdentifier, SIGKILL) } }

        /// The same path as the daemon sees it.
        func inside(_ path: String) -> String { "/proc/\(process.processIdentifier)/root" + root(path) }
        func exists(_ path: String) -> Bool { FileManager.default.fileExists(atPath: inside(path)) }
        var log: String { (try? String(contentsOfFile: root("log"), encoding: .utf8)) ?? "" }
        /// Nil before anything arrived.
        var status: PipelineStatus? { try? RunLedger(stateDirectory: root(".millrace"), readOnly: true).status(now: .now).first }

        func rows(_ count: Int) -> String { "id,x\n" + (0..<count).map { "row-\($0),1\n" }.joined() }

        /// Runs a command where the daemon is.
        func mounting(_ command: String) throws -> Int32 {
            let process = Process()
            process.executableURL = URL(fileURLWithPath: "/usr/bin/nsenter")
            process.arguments = ["-t", "\(self.process.processIdentifier)", "-m", "sh", "-c", command]
            try process.run()
            process.waitUntilExit()
            return process.terminationStatus
        }

        static var isPossible: Bool {
            let process = Process()
            process.executableURL = URL(fileURLWithPath: "/usr/bin/unshare")
            process.arguments = ["-m", "sh", "-c", "mount -t tmpfs tmpfs /mnt"]
            process.standardError = FileHandle.nullDevice
            guard (try? process.run()) != nil else { return false }
            process.waitUntilExit()
            return process.terminationStatus == 0
        }
    }

    @Test(.enabled(if: SmallDisk.isPossible, "mounting a disk takes root"))
    func aFullDiskIsWaitedFor() throws {
        let disk = try SmallDisk(kibibytes: 256, filled: 240)
        try disk.root.write(disk.rows(3000), to: "spool/data/a.csv")
        try disk.root.write(disk.rows(2900), to: "spool/data/b.csv")
        try disk.process.run()
        #expect(eventually(within: 30) { disk.log.contains("the pipeline waits for the machine") })
        // Longer than all attempts that a file has.
        usleep(4_000_000)
        let waiting = try #require(disk.status)
        #expect(
            waiting.waiting.contains {
                if case .forMachine(let reason, _, _) = $0.reason { reason.contains("No space left") } else { false }
            }, "\(waiting)")
        #expect(waiting.count(.quarantined) == 0 && waiting.count(.waiting) + waiting.count(.running) == 2, "\(waiting)")
        try FileManager.default.removeItem(atPath: disk.inside("disk/fill"))
        #expect(eventually(within: 60) { disk.exists("disk/outputs/a.csv") && disk.exists("disk/outputs/b.csv") }, "\(disk.log)")
        #expect(try String(contentsOfFile: disk.inside("disk/outputs/a.csv"), encoding: .utf8).split(separator: "\n").count == 3001)
        #expect(eventually { disk.log.contains("the pipeline goes on") })
        disk.process.terminate()
        disk.process.waitUntilExit()
        #expect(disk.process.terminationStatus == 0)
    }

    /// A model is not rejected because its version finds no room.
    @Test(.enabled(if: SmallDisk.isPossible, "mounting a disk takes root"))
    func aModelWaitsForAFullDiskToo() throws {
        let disk = try SmallDisk(kibibytes: 256, filled: 256, models: "disk/models")
        try disk.root.write(disk.rows(3), to: "spool/data/a.csv")
        try disk.process.run()
        #expect(eventually(within: 30) { disk.log.contains("the pipeline waits for the machine") }, "\(disk.log)")
        let waiting = try #require(disk.status)
        #expect(waiting.count(.rejected) == 0 && waiting.count(.quarantined) == 0, "\(waiting)")
        try FileManager.default.removeItem(atPath: disk.inside("disk/fill"))
        #expect(eventually(within: 60) { disk.exists("disk/models/ACTIVE") && disk.exists("disk/outputs/a.csv") }, "\(disk.log)")
        disk.process.terminate()
        disk.process.waitUntilExit()
        #expect(disk.process.terminationStatus == 0)
    }

    /// What is written below an empty mount point is hidden when the disk is mounted again: nothing is written there meanwhile.
    @Test(.enabled(if: SmallDisk.isPossible, "mounting a disk takes root"))
    func outputsThatAreUnmountedAreWaitedFor() throws {
        let disk = try SmallDisk(kibibytes: 512, filled: 0)
        try FileManager.default.createDirectory(atPath: disk.root("spare"), withIntermediateDirectories: true)
        try disk.root.write(disk.rows(3), to: "spool/data/a.csv")
        try disk.process.run()
        #expect(eventually(within: 30) { disk.exists("disk/outputs/a.csv") }, "\(disk.log)")
        #expect(try disk.mounting("mount --bind '\(disk.root("disk"))' '\(disk.root("spare"))' && umount -l '\(disk.root("disk"))'") == 0)
        try disk.root.write(disk.rows(3), to: "spool/data/b.csv")
        #expect(eventually(within: 30) { disk.log.contains("the pipeline waits for the machine") }, "\(disk.log)")
        // Longer than all attempts that a file has.
        usleep(3_000_000)
        #expect(disk.status?.count(.quarantined) == 0 && !disk.exists("disk/outputs/b.csv"), "\(disk.log)")
        #expect(try disk.mounting("mount --bind '\(disk.root("spare"))' '\(disk.root("disk"))'") == 0)
        #expect(eventually(within: 60) { disk.exists("disk/outputs/b.csv") }, "\(disk.log)")
        disk.process.terminate()
        disk.process.waitUntilExit()
        #expect(disk.process.terminationStatus == 0)
    }

    /// A file whose own output is larger than the disk is not waited for for ever, and holds up no other for long.
    @Test(.enabled(if: SmallDisk.isPossible, "mounting a disk takes root"))
    func anOutputThatNoDiskHoldsIsTheFilesOwnFault() throws {
        let disk = try SmallDisk(kibibytes: 128, filled: 0)
        try disk.root.write(disk.rows(20_000), to: "spool/data/large.csv")
        try disk.process.run()
        #expect(eventually(within: 60) { disk.status?.count(.quarantined) == 1 }, "\(disk.log)")
        #expect(disk.status?.quarantined.first?.explanation?.reason.contains("filled the disk 3 times") == true)
        try disk.root.write(disk.rows(3), to: "spool/data/small.csv")
        #expect(eventually(within: 30) { disk.exists("disk/outputs/small.csv") }, "\(disk.log)")
    }

    @Test(.enabled(if: SmallDisk.isPossible, "mounting a disk takes root"))
    func onceDoesNotWaitForADisk() throws {
        let disk = try SmallDisk(kibibytes: 256, filled: 240, ["--once"])
        try disk.root.write(disk.rows(3000), to: "spool/data/a.csv")
        usleep(400_000)
        try disk.process.run()
        disk.process.waitUntilExit()
        #expect(disk.process.terminationStatus == 3, "\(disk.log)")
        let status = try #require(disk.status)
        #expect(status.count(.quarantined) == 0 && status.count(.waiting) == 1, "\(status)")
    }

    @Test(.enabled(if: SmallDisk.isPossible, "mounting a disk takes root"))
    func onceWaitsForADiskAsLongAsItIsTold() throws {
        let disk = try SmallDisk(kibibytes: 256, filled: 240, ["--once", "--wait", "60s"])
        try disk.root.write(disk.rows(3000), to: "spool/data/a.csv")
        usleep(400_000)
        try disk.process.run()
        #expect(eventually(within: 30) { disk.log.contains("the pipeline waits for the machine") }, "\(disk.log)")
        usleep(1_500_000)
        #expect(disk.process.isRunning, "\(disk.log)")
        try FileManager.default.removeItem(atPath: disk.inside("disk/fill"))
        disk.process.waitUntilExit()
        #expect(disk.process.terminationStatus == 0, "\(disk.log)")
    }

    /// A daemon with a model, whose ledger another process holds for some seconds.
    private func heldDaemon(seconds: Int) throws -> (daemon: DaemonProcess, holder: Process) {
        let daemon = try DaemonProcess("held")
        try daemon.root.write(Self.pipeline, to: "pipelines/p.yaml")
        try daemon.root.write(TinyModel.adding(1), to: "spool/models/m.onnx")
        try daemon.start()
        #expect(eventually { FileManager.default.fileExists(atPath: daemon.root("out/models/ACTIVE")) }, "\(daemon.logText)")
        let holder = Process()
        holder.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        let program = """
            import sqlite3, sys, time
            ledger = sqlite3.connect(sys.argv[1], isolation_level=None)
            ledger.execute("BEGIN IMMEDIATE")
            print("held", flush=True)
            time.sleep(int(sys.argv[2]))
            """
        holder.arguments = ["python3", "-c", program, daemon.root(".millrace/ledger.sqlite"), "\(seconds)"]
        let said = Pipe()
        holder.standardOutput = said
        try holder.run()
        _ = try said.fileHandleForReading.read(upToCount: 1)
        return (daemon, holder)
    }

    private func waits(_ daemon: DaemonProcess) -> Bool {
        eventually(within: 20) { daemon.logText.contains("the ledger cannot be written; waiting") }
    }

    /// Another process holds the ledger for longer than SQLite waits, while files arrive.
    @Test func aLedgerThatIsHeldIsWaitedFor() throws {
        let (daemon, holder) = try heldDaemon(seconds: 14)
        for number in 0..<20 { try daemon.drop("id,x\na,\(number)\n".utf8, at: "spool/data/\(number).csv") }
        #expect(waits(daemon), "\(daemon.logText)")
        holder.waitUntilExit()
        try daemon.drop("id,x\na,20\n".utf8, at: "spool/data/20.csv")
        #expect(
            eventually(within: 30) {
                (0...20).allSatisfy { FileManager.default.fileExists(atPath: daemon.root("disk/outputs/\($0).csv")) }
            }, "\(daemon.logText)")
        #expect(daemon.logText.contains("the ledger can be written again"))
        #expect(daemon.stop() == 0)
    }

    /// A daemon that waits for its ledger ends when it is told to, and does not hang.
    @Test func aDaemonThatWaitsForItsLedgerStopsWhenItIsTold() throws {
        let (daemon, holder) = try heldDaemon(seconds: 60)
        defer { kill(holder.processIdentifier, SIGKILL) }
        try daemon.drop("id,x\na,1\n".utf8, at: "spool/data/a.csv")
        #expect(waits(daemon), "\(daemon.logText)")
        let start = ContinuousClock.now
        _ = daemon.stop()
        #expect(ContinuousClock.now - start < .seconds(30))
    }
}
