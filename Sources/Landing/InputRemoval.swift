import Arrivals
import FileSystem
import Foundation
import SystemPackage

/// Takes inputs out of a spool without ever losing content that was not read: they are renamed to a private directory on the same mount,
/// looked at again there, and only then moved on or deleted. Nothing outside the spool is touched, wherever its names lead by then. The
/// work in progress is described in `held/ID/plan.json`, which becomes `checked.json` when all files have been looked at, so that after a
/// crash it is continued or taken back.
struct InputRemoval {
    enum Outcome: Hashable { case removed([FilePath]), changed, gone }

    /// The root of the archive or quarantine; nil deletes the inputs.
    let destination: FilePath?
    let area: StagingArea
    /// The staging areas that can serve the destination when it is on another mount.
    let areas: [StagingArea]
    /// The access of folders made for the destination.
    var access = FileAccess.standard
    /// The mode that files get where they go; nil leaves them theirs. The files of another user keep their mode: only that user may change
    /// it.
    var mode: UInt16?

    /// Called when the files have left the spool and before they are looked at.
    var onTaken: () throws(FileSystemError) -> Void = {}
    /// Called when it is decided that the files are removed.
    var onChecked: () throws(FileSystemError) -> Void = {}

    private struct Plan: Codable {
        struct File: Codable {
            /// The bytes of the path, because names need not be UTF-8.
            let origin: Data
            let relative: Data
            let digest: String

            var spoolFile: SpoolFile {
                SpoolFile(
                    path: InputRemoval.path(origin), relative: InputRemoval.path(relative), digest: digest,
                    stamp: FileStamp(device: 0, inode: 0, size: 0, changed: 0))
            }
        }

        let destination: Data?
        let files: [File]
        var mode: UInt16?
    }

    func remove(_ files: [SpoolFile]) throws(FileSystemError) -> Outcome {
        var before: [FileStatus] = []
        for file in files {
            do throws(FileSystemError) {
                guard let status = try file.spool.status(file.relative) else { return .gone }
                guard status.kind == .regular else { return .changed }
                if status.stamp != file.stamp, try file.spool.digest(file.relative) != file.digest { return .changed }
                before.append(status)
            } catch .missing {
                return .gone
            } catch .outsideSpool {
                return .changed
            }
        }
        let plan = Plan(
            destination: destination.map(Self.bytes),
            files: files.map { .init(origin: Self.bytes($0.path), relative: Self.bytes($0.relative), digest: $0.digest) }, mode: mode)
        let directory = try begin(plan)
        FaultPoint.reach(.removePlanned)
        for (index, file) in files.enumerated() {
            let away = directory.appending("\(index)")
            do throws(FileSystemError) {
                guard let failure = try file.spool.moveOut(file.relative, to: away) else { continue }
                try giveBack(plan, directory)
                if failure == .noSuchFileOrDirectory { return .gone }
                throw Disk.renameFailure(failure, file.path, away)
            } catch .missing {
                try giveBack(plan, directory)
                return .gone
            } catch .outsideSpool {
                try giveBack(plan, directory)
                return .changed
            }
        }
        FaultPoint.reach(.removeTaken)
        try onTaken()
        for (index, file) in files.enumerated() {
            if try !isUnchanged(directory.appending("\(index)"), since: before[index], digest: file.digest) {
                try giveBack(plan, directory)
                return .changed
            }
        }
        if let failure = Disk.renameReplacing(directory.appending("plan.json"), directory.appending("checked.json")) {
            throw Disk.error("write", directory.appending("checked.json"), failure)
        }
        FaultPoint.reach(.removeChecked)
        try onChecked()
        return .removed(try finish(plan, directory))
    }

    /// Goes on with what a crash interrupted. Content that is not what was read goes back to where it was.
    static func recover(area: StagingArea, areas: [StagingArea]) throws(FileSystemError) {
        for name in try Disk.names(in: area.held) {
            let directory = area.held.appending(name)
            let isChecked = try Disk.status(directory.appending("checked.json")) != nil
            let planPath = directory.appending(isChecked ? "checked.json" : "plan.json")
            guard try Disk.status(planPath) != nil else {
                // Nothing had been taken yet, or the tree was being removed.
                guard try !Disk.names(in: directory).contains(where: { Int($0.string) != nil }) else {
                    throw .badDocument(planPath, why: "it is missing beside an input; move that input back into its spool by hand")
                }
                try Disk.removeTree(directory)
                continue
            }
            FaultPoint.reach(.recoverRemoval)
            let plan = try JSONFile.decode(Plan.self, from: planPath)
            let removal = InputRemoval(destination: plan.destination.map(path), area: area, areas: areas, mode: plan.mode)
            let goes = isChecked ? true : try removal.isWhole(plan, directory)
            if goes { _ = try removal.finish(plan, directory) } else { try removal.giveBack(plan, directory) }
        }
    }

    // MARK: Steps

    private func begin(_ plan: Plan) throws(FileSystemError) -> FilePath {
        let directory = area.held.appending(UUID().uuidString)
        try Disk.makeDirectories(directory)
        // The plan gets another name first, so that it is whole or absent.
        let planPath = directory.appending("plan.json")
        try JSONFile.replace(planPath, with: try JSONFile.encode(plan, for: planPath), staged: directory.appending("plan.new"))
        try Disk.sync(directory: area.held)
        return directory
    }

    private func isUnchanged(_ held: FilePath, since before: FileStatus, digest: String) throws(FileSystemError) -> Bool {
        let descriptor = try Disk.open(held, .readOnly, [.nonBlocking, .noFollow], doing: "read")
        defer { Disk.close(descriptor) }
        let now = try Disk.status(descriptor, held)
        guard now.kind == .regular, Disk.isOpenForWriting(descriptor) != true else { return false }
        if now.sameContent(as: before) { return true }
        return try FileDigest.of(descriptor, named: held).digest == digest
    }

    /// Returns whether the held files are what was read. It compares digests, because stamps say nothing after a crash.
    private func isWhole(_ plan: Plan, _ directory: FilePath) throws(FileSystemError) -> Bool {
        for (index, file) in plan.files.enumerated() {
            let held = directory.appending("\(index)")
            guard let status = try Disk.status(held), status.kind == .regular, try FileDigest.of(held).digest == file.digest else {
                return false
            }
        }
        return true
    }

    private func finish(_ plan: Plan, _ directory: FilePath) throws(FileSystemError) -> [FilePath] {
        var targets: [FilePath] = []
        let root = try destination.map { (root) throws(FileSystemError) in
            try ModelSet.root(of: plan.files.map { (Self.path($0.relative), $0.digest) }, below: root)
        }
        for (index, file) in plan.files.enumerated() {
            let held = directory.appending("\(index)")
            guard try Disk.status(held) != nil else { continue }
            if let root {
                try restrict(held)
                targets.append(try archive(held, below: root, as: Self.path(file.relative), digest: file.digest))
            } else {
                try Disk.remove(held)
                FaultPoint.reach(.removeDeleted)
            }
        }
        for file in plan.files { file.spoolFile.spool.syncFolder(of: file.spoolFile.relative) }
        try Disk.removeTree(directory)
        return targets
    }

    /// Gives the held files back to the spool. Where a newer file has the name by now, it has replaced the held file, as it would have
    /// without us, and the held file is removed.
    private func giveBack(_ plan: Plan, _ directory: FilePath) throws(FileSystemError) {
        FaultPoint.reach(.removeReturning)
        for (index, file) in plan.files.enumerated() {
            let held = directory.appending("\(index)")
            guard try Disk.status(held) != nil else { continue }
            switch try giveBack(held, file.spoolFile) {
            case nil, .fileExists?: break
            case let failure?: throw Disk.error("give back", file.spoolFile.path, failure)
            }
        }
        try Disk.removeTree(directory)
    }

    /// Gives one file back. Where the folder that it came from is a link by now, the file goes into the spool itself, under a name that is
    /// free.
    private func giveBack(_ held: FilePath, _ file: SpoolFile) throws(FileSystemError) -> Errno? {
        do throws(FileSystemError) { return try file.spool.moveIn(held, as: file.relative) } catch .outsideSpool {
            guard let name = file.relative.lastComponent else { return nil }
            for number in 1... {
                let failure = try file.spool.moveIn(held, as: CollisionFreeName.name(FilePath(root: nil, [name]), number))
                if failure != .fileExists { return failure }
            }
            return nil
        }
    }

    // MARK: Archiving

    /// Moves a file into the archive, never over another file: the same content is dropped, other content gets a number before its
    /// extension.
    private func archive(
        _ held: FilePath, below root: FilePath, as relative: FilePath, digest: String
    ) throws(FileSystemError) -> FilePath {
        let parent = root.pushing(relative).removingLastComponent()
        for changed in try Disk.makeDirectories(parent, FolderGrant(access: access, root: root)) { try Disk.sync(directory: changed) }
        var source = held
        if try Disk.mount(of: parent) != area.mount { source = try copy(held, towards: parent, digest: digest) }
        while true {
            let target = try CollisionFreeName.free(root.pushing(relative), digest: digest)
            switch Disk.moveFile(source, target) {
            case nil: break
            case .fileExists?:
                guard try Disk.status(target)?.kind == .regular, try FileDigest.of(target).digest == digest else { continue }
                try Disk.sync(file: target)
                try Disk.remove(source)
            case let failure?: throw Disk.renameFailure(failure, source, target)
            }
            FaultPoint.reach(.removeArchived)
            try Disk.sync(directory: parent)
            if source != held { try Disk.remove(held) }
            // The same content may have stood there before.
            try restrict(target)
            return target
        }
    }

    private func restrict(_ file: FilePath) throws(FileSystemError) {
        if let mode { try Disk.grant(FileAccess(mode: mode), file: file) }
    }

    /// Copies a file to the mount of `parent`: the copy is made durable and read back.
    private func copy(_ held: FilePath, towards parent: FilePath, digest: String) throws(FileSystemError) -> FilePath {
        let mount = try Disk.mount(of: parent)
        guard let other = areas.first(where: { $0.mount == mount }) else {
            throw .noStagingPlace(target: parent, why: "no staging area was set up on its mount; restart the daemon")
        }
        let copy = other.work.appending("copy-" + UUID().uuidString)
        try Disk.copy(held, to: copy)
        try restrict(copy)
        FaultPoint.reach(.removeCopied)
        guard try FileDigest.of(copy).digest == digest else {
            try Disk.remove(copy)
            throw .copyDiffers(from: held, to: copy)
        }
        return copy
    }

    private static func bytes(_ path: FilePath) -> Data {
        path.withPlatformString { Data(bytes: $0, count: strlen($0)) }
    }

    fileprivate static func path(_ bytes: Data) -> FilePath {
        (bytes.map { CChar(bitPattern: $0) } + [0]).withUnsafeBufferPointer { FilePath(platformString: $0.baseAddress!) }
    }
}

/// Chooses the folder of a model and the files that belong to it, where they are archived or quarantined. The names of its files stay as
/// the model has them, so that other content under one of them makes all of them go into a folder of their own: `sub/m.onnx` goes to
/// `2/sub/m.onnx` below the archive.
enum ModelSet {
    /// Returns the folder below `root` in which each of the files has its name free, or stands already. For a single file that is `root`
    /// itself, because the file gets a number in its name.
    static func root(of files: [(relative: FilePath, digest: String)], below root: FilePath) throws(FileSystemError) -> FilePath {
        guard files.count > 1 else { return root }
        for number in 1... {
            let candidate = folder(number, below: root)
            var isFree = true
            for file in files where isFree {
                let target = candidate.pushing(file.relative)
                guard let status = try Disk.status(target) else { continue }
                isFree = status.kind == .regular ? try FileDigest.of(target).digest == file.digest : false
            }
            if isFree { return candidate }
        }
        return root
    }

    static func folder(_ number: Int, below root: FilePath) -> FilePath { number > 1 ? root.appending("\(number)") : root }
}

/// Makes names that are free: `a.csv`, then `a.2.csv`, `a.3.csv`.
enum CollisionFreeName {
    /// Returns the first of these names where nothing stands, or a file of the same content.
    static func free(_ path: FilePath, digest: String) throws(FileSystemError) -> FilePath {
        var number = 1
        while true {
            let candidate = name(path, number)
            guard let status = try Disk.status(candidate) else { return candidate }
            if status.kind == .regular, try FileDigest.of(candidate).digest == digest { return candidate }
            number += 1
        }
    }

    static func name(_ path: FilePath, _ number: Int) -> FilePath {
        guard number > 1 else { return path }
        var numbered = path
        let old = path.extension
        numbered.extension = old.map { "\(number).\($0)" } ?? "\(number)"
        return numbered
    }
}
