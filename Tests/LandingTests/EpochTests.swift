import FileSystem
import Foundation
import Glibc
import SystemPackage
import TestSupport
import Testing

@testable import Landing

/// What a takeover takes from the host before it, whose daemon may go on.
@Suite struct EpochTests {
    private let directory: TemporaryDirectory
    private var root: FilePath { FilePath(directory.path) }
    private var target: FilePath { root.appending("out") }

    init() throws {
        directory = try TemporaryDirectory("epochs")
        for folder in ["one", "two", "work", "out"] { try Disk.makeDirectories(root.appending(folder)) }
    }

    private func begin(_ number: Int64, state: String) throws -> (WorkFolder, Epoch) {
        let folder = WorkFolder(root.appending("work"), state: root.appending(state))
        let epoch = Epoch(number, begunBy: ClaimHolder(root: root.string, since: "now"), key: nil)
        try folder.begin(epoch)
        try folder.takeOver(to: epoch)
        return (folder, epoch)
    }

    private func area(_ folder: WorkFolder, _ epoch: Epoch, avoiding: [FilePath] = []) throws -> StagingArea {
        try StagingArea(
            for: target, root: root, work: folder.folder(epoch), epoch: epoch.number, avoiding: avoiding + [target])
    }

    private func write(_ text: String, _ path: FilePath) throws {
        try Disk.makeDirectories(path.removingLastComponent())
        try Data(text.utf8).write(to: URL(fileURLWithPath: path.string))
    }

    /// A network file system may still know which folder a path led to: the second argument stands for such a memory.
    @Test(arguments: [false, true]) func whatAnOlderEpochHasStagedIsNotWhereItWas(isOutside: Bool) throws {
        let avoiding = isOutside ? [root.appending("work")] : []
        let (folder, first) = try begin(1, state: "one")
        let old = try area(folder, first, avoiding: avoiding)
        #expect(old.path.string.contains("/.millrace-staging/") == isOutside)
        try write("staged", old.work.appending("7-1-output.csv"))
        try write("version", old.work.pushing("8-1-version-2/model.onnx"))
        try write("input", old.held.pushing("ID/0"))
        try write("elsewhere", old.work.pushing("away-7-1-ab/7-1-output.csv"))
        let remembered = try Disk.open(old.work, .readOnly, .directory, doing: "read")
        defer { Disk.close(remembered) }
        #expect(try folder.successor(of: first) == nil)

        let (again, second) = try begin(2, state: "two")
        let new = try area(again, second, avoiding: avoiding)
        #expect(try folder.successor(of: first) == second && again.successor(of: second) == nil)
        #expect(try folder.own() == first && again.own() == second)
        for name in ["7-1-output.csv", "8-1-version-2"] {
            #expect(Disk.renameKeeping(old.work.appending(name), target.appending(name)) == .noSuchFileOrDirectory)
            let to = target.appending(name).string
            #expect(renameat(remembered.rawValue, name, AT_FDCWD, to) == -1 && errno == ENOENT)
        }
        #expect(openat(remembered.rawValue, "9-1-output.csv", O_WRONLY | O_CREAT, 0o600) == -1 && errno == ENOENT)
        #expect(try Disk.names(in: target) == [])
        #expect(try JSONFile.read(new.work.appending("7-1-output.csv")) == Array("staged".utf8))
        #expect(try JSONFile.read(new.work.pushing("8-1-version-2/model.onnx")) == Array("version".utf8))
        #expect(try JSONFile.read(new.held.pushing("ID/0")) == Array("input".utf8))
        #expect(try Disk.names(in: new.work).count == 2)
        #expect(!Disk.isDirectory(old.path))

        // What the old one makes after that is void, but for an input that it has taken out of a spool.
        try write("late", old.work.appending("7-1-output.csv"))
        try write("late input", old.held.pushing("LATE/0"))
        try again.takeOver(to: second)
        _ = try area(again, second, avoiding: avoiding)
        #expect(try JSONFile.read(new.work.appending("7-1-output.csv")) == Array("staged".utf8))
        #expect(try JSONFile.read(new.held.pushing("LATE/0")) == Array("late input".utf8))
        #expect(!Disk.isDirectory(old.path))
    }

    /// A work folder of a release without epochs, and one in which a takeover was cut short.
    @Test func everythingInTheWorkFolderMoves() throws {
        for name in ["training/p/labels/a.csv", "prepared/x/manifest", "choices/y.json", "staging/held/ID/0", "workers/token"] {
            try directory.write(name, to: "work/" + name)
        }
        _ = try begin(1, state: "one")
        let moved = [
            "epoch.json", "epochs/1/choices/y.json", "epochs/1/prepared/x/manifest", "epochs/1/staging/held/ID/0",
            "epochs/1/training/p/labels/a.csv", "workers/token",
        ]
        func files() -> [String] { directory.files().filter { $0.hasPrefix("work/") }.map { String($0.dropFirst(5)) } }
        #expect(files() == moved)
        // Cut short, the choices had moved; the old host has made others since.
        try directory.write("moved", to: "work/epochs/3/choices/y.json")
        try directory.write("void", to: "work/epochs/1/choices/z.json")
        _ = try begin(3, state: "two")
        #expect(files() == moved.map { $0.replacingOccurrences(of: "epochs/1/", with: "epochs/3/") })
        #expect(try directory.read("work/epochs/3/choices/y.json") == Array("moved".utf8))
    }

    /// The claim on the work folder tells which holder is silent; its other folders are not waited for again.
    @Test func aSilentHolderIsWaitedForOnce() throws {
        var timing = FolderClaim.Timing()
        (timing.beat, timing.patience) = (.milliseconds(100), .milliseconds(500))
        let first = ClaimHolder(root: "/r", since: "now"), second = ClaimHolder(root: "/r", since: "now")
        let claims = [
            try FolderClaim(root.appending("work"), .work, as: first, timing: timing),
            try FolderClaim(target, .outputs, as: first, timing: timing),
        ]
        for path in directory.files() where path.hasSuffix("claim/holder") {
            var holder = try #require(JSONSerialization.jsonObject(with: Data(directory.read(path))) as? [String: Any])
            holder["boot"] = "another"
            let bytes = try JSONSerialization.data(withJSONObject: holder)
            let file = try FileHandle(forWritingTo: URL(fileURLWithPath: directory(path)))
            try file.write(contentsOf: bytes)
            try file.truncate(atOffset: UInt64(bytes.count))
        }
        let work = try FolderClaim(root.appending("work"), .work, as: second, timing: timing)
        #expect(work.silentHolder?.token == first.token)
        timing.patience = .seconds(600)
        let outputs = try FolderClaim(target, .outputs, as: second, timing: timing, silent: [first.token])
        #expect(work.isHeld && outputs.isHeld)
        withExtendedLifetime(claims) {}
    }
}
