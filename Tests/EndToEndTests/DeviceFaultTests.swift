import Arrivals
import Foundation
import Glibc
import Ledger
import TestSupport
import Testing

/// Faults that no folder's permissions can show: a process without descriptors, and a disk whose blocks cannot be read or written. They
/// are the machine's, so that nothing is quarantined, nothing is lost, and all goes on when they are over.
@Suite(.serialized) struct DeviceFaultTests {
    private static func pipeline(data: String = "spool/data", outputs: String = "out/outputs") -> String {
        """
        name: p
        spool: { models: spool/models, data: \(data) }
        settle: { quiet: 200ms }
        on_error: { attempts: 2, backoff: 100ms }
        schema: { key: [id], keep: [id] }
        stages: [ deserialize: {}, forward: {} ]
        land: { models: out/models, outputs: { path: \(outputs), format: csv } }
        """
    }

    private func daemon(_ pipeline: String) throws -> DaemonProcess {
        let daemon = try DaemonProcess("device")
        try daemon.root.write(pipeline, to: "pipelines/p.yaml")
        try daemon.root.write(TinyModel.adding(1), to: "spool/models/m.onnx")
        return daemon
    }

    private func started(_ daemon: DaemonProcess) throws {
        try daemon.start()
        try #require(eventually { FileManager.default.fileExists(atPath: daemon.root("out/models/ACTIVE")) }, "\(daemon.logText)")
    }

    private func status(_ daemon: DaemonProcess) -> PipelineStatus? {
        try? RunLedger(stateDirectory: daemon.root(".millrace"), readOnly: true).status(now: .now).first
    }

    // MARK: Descriptors

    /// `ulimit -n` of the daemon while it runs: it can open nothing at all, and later everything.
    @Test func withoutDescriptorsEverythingWaits() throws {
        let daemon = try daemon(Self.pipeline())
        try started(daemon)
        let process = try #require(daemon.process)
        func limit(_ count: Int) throws {
            #expect(try shell("prlimit", "--pid", "\(process.processIdentifier)", "--nofile=\(count):").status == 0)
        }
        let before = try shell("prlimit", "--pid", "\(process.processIdentifier)", "--nofile", "--output=SOFT", "--noheadings").output
        try limit(3)
        for number in 0..<6 { try daemon.drop("id,x\na,\(number)\n".utf8, at: "spool/data/\(number).csv") }
        // Longer than all attempts that a file has.
        usleep(5_000_000)
        #expect(process.isRunning, "\(daemon.logText)")
        #expect(!daemon.root.files().contains { $0.hasPrefix("out/outputs/") && $0.hasSuffix(".csv") })
        try limit(try #require(Int(before)))
        #expect(
            eventually(within: 90) { (0..<6).allSatisfy { FileManager.default.fileExists(atPath: daemon.root("out/outputs/\($0).csv")) } },
            "\(daemon.logText)")
        #expect(
            eventually { status(daemon)?.count(.done, role: .data) == 6 && status(daemon)?.count(.quarantined) == 0 }, "\(daemon.logText)")
        #expect(!daemon.root.files().contains { $0.hasSuffix(".reason.json") }, "\(daemon.root.files())")
        #expect(daemon.stop() == 0)
    }

    // MARK: Blocks

    /// An ext2 file system in a file behind a loop device, which root may make. Blocks fail with EIO where the file has none.
    private final class LoopDisk {
        let image: String
        let folder: String
        private var device = ""

        /// - Parameter image: on a file system with room for the blocks that are to be good.
        init(image: String, mebibytes: Int, at folder: String) throws {
            self.image = image
            self.folder = folder
            try Data().write(to: URL(fileURLWithPath: image))
            let file = try FileHandle(forWritingTo: URL(fileURLWithPath: image))
            try file.truncate(atOffset: UInt64(mebibytes) << 20)
            try file.close()
            try #require(try shell("mkfs.ext2", "-q", "-F", "-m", "0", "-b", "1024", "-N", "64", image).status == 0)
            try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        }

        /// - Parameter cut: the length to which the image is cut once the device has its size.
        func mount(_ options: String = "rw", cut: Int? = nil) throws {
            let made = try shell("losetup", "-f", "--show", image)
            device = made.output
            try #require(made.status == 0 && device.hasPrefix("/dev/loop"))
            if let cut { try #require(truncate(image, cut) == 0) }
            try #require(try shell("mount", "-o", options, device, folder).status == 0)
        }

        func unmount() throws {
            if device.isEmpty { return }
            if try shell("umount", folder).status != 0 { try shell("umount", "-l", folder) }
            try shell("losetup", "-d", device)
            device = ""
        }

        deinit { try? unmount() }

        static var isPossible: Bool {
            guard geteuid() == 0, (try? shell("mkfs.ext2", "-V").status) == 0, let free = try? shell("losetup", "-f") else { return false }
            return free.status == 0 && FileManager.default.fileExists(atPath: free.output)
        }
    }

    private static let noLoop: Comment = "loop devices and mkfs.ext2 take root"

    /// One file of a read-only spool lies on blocks that the disk cannot read: it waits, alone, while the others are scored, and is scored
    /// when the blocks are there again.
    @Test(.enabled(if: LoopDisk.isPossible, noLoop)) func aFileWhoseBlocksCannotBeReadWaitsAlone() throws {
        let daemon = try daemon(Self.pipeline(data: "disk"))
        let root = daemon.root
        let disk = try LoopDisk(image: root("image"), mebibytes: 8, at: root("disk"))
        try disk.mount()
        let rows = "id,x\n" + (0..<20_000).map { "row-\($0),1\n" }.joined()
        for name in ["a", "b"] { try Data("id,x\n\(name),1\n".utf8).write(to: URL(fileURLWithPath: root("disk/\(name).csv"))) }
        try Data(rows.utf8).write(to: URL(fileURLWithPath: root("disk/bad.csv")))
        try disk.unmount()
        // The blocks of the large file are found by what stands in them, and cut out of the image.
        let whole = try Data(contentsOf: URL(fileURLWithPath: root("image")))
        let middle = try #require(whole.range(of: Data("row-19000,1\n".utf8)))
        let start = middle.lowerBound / 4096 * 4096
        try disk.mount("ro", cut: start)
        #expect((try? Data(contentsOf: URL(fileURLWithPath: root("disk/bad.csv")))) == nil, "the disk reads it")
        try started(daemon)
        #expect(eventually(within: 30) { ["a", "b"].allSatisfy { root.files().contains("out/outputs/\($0).csv") } }, "\(daemon.logText)")
        usleep(3_000_000)
        #expect(daemon.process?.isRunning == true && !root.files().contains("out/outputs/bad.csv"))
        #expect(
            status(daemon)?.count(.quarantined) == 0 && !root.files().contains { $0.hasSuffix("bad.csv.reason.json") }, "\(daemon.logText)")
        // The disk is mended in place.
        let mended = try FileHandle(forUpdating: URL(fileURLWithPath: root("image")))
        try mended.seek(toOffset: UInt64(start))
        try mended.write(contentsOf: whole[start...])
        try mended.close()
        #expect(eventually(within: 120) { root.files().contains("out/outputs/bad.csv") }, "\(daemon.logText)")
        #expect(try String(decoding: root.read("out/outputs/bad.csv"), as: UTF8.self).split(separator: "\n").count == 20_001)
        #expect(daemon.stop() == 0)
        try disk.unmount()
    }

    /// The device of the outputs takes no more blocks, though its file system has room: writes go through, and the sync of a staged output
    /// fails. Nothing is published until it succeeds.
    @Test(.enabled(if: LoopDisk.isPossible, noLoop)) func anOutputWhoseBlocksCannotBeWrittenWaits() throws {
        let daemon = try daemon(Self.pipeline(outputs: "disk/outputs"))
        let root = daemon.root
        // The image is sparse, on a file system that is full.
        try FileManager.default.createDirectory(atPath: root("small"), withIntermediateDirectories: true)
        try #require(try shell("mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", root("small")).status == 0)
        defer { _ = try? shell("umount", "-l", root("small")) }
        let disk = try LoopDisk(image: root("small/image"), mebibytes: 64, at: root("disk"))
        try disk.mount()
        try started(daemon)
        let fill = root("small/fill")
        _ = try shell("dd", "if=/dev/zero", "of=\(fill)", "bs=4k")
        let rows = "id,x\n" + (0..<30_000).map { "row-\($0),1\n" }.joined()
        try daemon.drop(rows.utf8, at: "spool/data/a.csv")
        #expect(eventually(within: 40) { daemon.logText.contains("the pipeline waits for the machine") }, "\(daemon.logText)")
        #expect(daemon.logText.contains("could not make durable"), "\(daemon.logText)")
        usleep(4_000_000)
        #expect(!FileManager.default.fileExists(atPath: root("disk/outputs/a.csv")))
        #expect(status(daemon)?.count(.quarantined) == 0, "\(daemon.logText)")
        try FileManager.default.removeItem(atPath: fill)
        #expect(eventually(within: 120) { FileManager.default.fileExists(atPath: root("disk/outputs/a.csv")) }, "\(daemon.logText)")
        let expected = "id,y\n" + (0..<30_000).map { "row-\($0),2.0\n" }.joined()
        #expect(try root.read("disk/outputs/a.csv") == Array(expected.utf8))
        #expect(eventually { status(daemon)?.count(.done, role: .data) == 1 })
        #expect(daemon.stop() == 0)
        try disk.unmount()
    }
}

@discardableResult
private func shell(_ words: String...) throws -> (status: Int32, output: String) {
    let process = Process()
    process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
    process.arguments = words
    let output = Pipe()
    process.standardOutput = output
    process.standardError = FileHandle.nullDevice
    try process.run()
    let said = try output.fileHandleForReading.readToEnd() ?? Data()
    process.waitUntilExit()
    return (process.terminationStatus, String(decoding: said, as: UTF8.self).trimmingCharacters(in: .whitespacesAndNewlines))
}
