package import FileSystem
package import SystemPackage

/// Owns a directory on the mount of what will be published, outside every spool and `land` path, because a sync tool carries hidden names
/// too. One daemon owns it (the ledger's lock ensures that); where it lies outside of that daemon's root, it is named after the root.
///
/// It has two folders: `work/` holds what attempts write and is emptied at start; `held/` holds inputs that are being removed (`Disposal`)
/// and is never swept.
package final class StagingArea: Sendable {
    package let path: FilePath
    let mount: Disk.Mount
    /// The descriptor of the area, open since before anything was staged, so that `syncfs` on it reports write-back errors from then on. It
    /// is closed with the area.
    private let descriptor: FileDescriptor

    /// Chooses and makes a staging area for `target`, which need not exist yet. `avoiding` has every spool and `land` path of every
    /// pipeline. `work` is where staging is preferred; without it, that is `ROOT/.millrace`. Outside of it, an area has the number of the
    /// epoch in its name, and what is in those of older epochs is moved to it.
    package convenience init(
        for target: FilePath, root: FilePath, work: FilePath? = nil, epoch: Int64? = nil, avoiding: [FilePath]
    ) throws(FileSystemError) {
        try self.init(for: target, root: root, work: work, epoch: epoch, avoiding: Avoided(avoiding))
    }

    /// Keeps the paths in which no staging area may lie, with symbolic links resolved. They are resolved once, because many areas ask for
    /// them.
    package struct Avoided: Sendable {
        private let real: Set<FilePath>

        package init(_ paths: [FilePath]) throws(FileSystemError) {
            var real: Set<FilePath> = []
            for path in paths { real.insert(try StagingArea.realPath(path)) }
            self.real = real
        }

        /// Returns whether a resolved path lies in none of them.
        fileprivate func leavesFree(_ path: FilePath) -> Bool {
            var path = path
            while !real.contains(path) {
                let above = path.removingLastComponent()
                if above == path || above.isEmpty { return true }
                path = above
            }
            return false
        }
    }

    package init(
        for target: FilePath, root: FilePath, work: FilePath? = nil, epoch: Int64? = nil, avoiding: Avoided
    ) throws(FileSystemError) {
        let chosen = try Self.choose(
            for: target, root: root, work: work ?? root.appending(".millrace"), epoch: epoch, avoiding: avoiding)
        if let epoch { try Self.takeOlder(to: chosen, epoch) }
        try Self.make(chosen)
        path = chosen
        mount = try Disk.mount(of: chosen)
        descriptor = try Disk.open(chosen, .readOnly, .directory, doing: "open the staging directory")
    }

    private static func make(_ path: FilePath) throws(FileSystemError) {
        let own = FolderGrant(access: .ownerOnly, root: path.removingLastComponent())
        for directory in [path, path.appending("work"), path.appending("held")] {
            for changed in try Disk.makeDirectories(directory, own) { try Disk.sync(directory: changed) }
            // A directory that was there already may have a mode that lets others read it.
            if let status = try Disk.status(directory), status.mode & 0o077 != 0 { try Disk.grant(.ownerOnly, folder: directory) }
        }
    }

    /// Moves to an area outside of the work folder what is in the areas of older epochs beside it, and of releases without epochs.
    private static func takeOlder(to area: FilePath, _ epoch: Int64) throws(FileSystemError) {
        let folder = area.removingLastComponent()
        guard folder.lastComponent?.string == outsideName, let name = area.lastComponent?.string else { return }
        let owner = name.dropLast("-\(epoch)".count)
        for older in try Disk.names(in: folder) where older.string.hasPrefix(owner) {
            let rest = older.string.dropFirst(owner.count)
            guard rest.isEmpty || rest.first == "-" && Int64(rest.dropFirst()).map({ $0 < epoch }) == true else { continue }
            try take(folder.appending(older), to: area)
        }
    }

    /// Moves everything in an older area to another one on the same mount, and removes the folders that it was in. This is what keeps a
    /// daemon whose epoch is over from publishing: each of its renames has its source in one of these folders, and finds it there no more,
    /// also where its host remembers which folder a path led to. What it makes there anew is void, but for an input that it takes out of a
    /// spool, which the next call finds.
    static func take(_ old: FilePath, to new: FilePath) throws(FileSystemError) {
        try make(new)
        for folder in ["work", "held"] {
            let (from, to) = (old.appending(folder), new.appending(folder))
            var hasEnded = false
            while !hasEnded {
                for name in try Disk.names(in: from) {
                    let (source, target) = (from.appending(name), to.appending(name))
                    // A worker of another machine that goes on writes for nobody.
                    let isAway = name.string.hasPrefix(awayPrefix), stands = try Disk.status(target) != nil
                    if folder == "work", isAway || stands {
                        try Disk.removeTree(source)
                    } else if let failure = Disk.renameReplacing(source, target), failure != .noSuchFileOrDirectory {
                        throw Disk.renameFailure(failure, source, target)
                    }
                }
                hasEnded = try Disk.removeEmpty(from)
            }
            try Disk.sync(directory: to)
        }
        _ = try Disk.removeEmpty(old)
    }

    /// Makes the directories again where somebody has deleted them. Where their whole mount is gone it throws, as on a disk that fails:
    /// what is written below an empty mount point is hidden once something is mounted there.
    package func makeAgain() throws(FileSystemError) {
        if Disk.isDirectory(work) { return }
        guard try Disk.mount(of: Self.nearestExisting(path)) == mount else {
            throw .system(doing: "find what was mounted above", path: path, errno: .noSuchAddressOrDevice)
        }
        try Self.make(path)
    }

    deinit { Disk.close(descriptor) }

    /// Returns whether both were on the same mount when they were made.
    package func isOnSameMount(as other: StagingArea) -> Bool { mount == other.mount }

    // MARK: Names

    /// Returns the path where an attempt writes one output; nothing is there yet.
    package func file(run: Int64, attempt: Int, name: String) -> FilePath {
        work.appending(Self.safe("\(run)-\(attempt)-\(name)"))
    }

    /// Returns the folder in which the attempts of a run leave the parts of a large file that they have scored.
    package func parts(run: Int64) -> FilePath { work.appending("\(run)-parts") }

    /// The beginning of the names of folders in which attempts write that were handed to workers of other machines.
    package static let awayPrefix = "away-"

    /// Returns the name of such a folder.
    /// - Parameter mark: tells one hand-out from others of the attempt.
    package static func awayName(run: Int64, attempt: Int, mark: String) -> String { "\(awayPrefix)\(run)-\(attempt)-\(mark)" }

    /// Returns whether the folder of this name was made for an attempt of the run.
    package static func isAway(_ name: String, run: Int64) -> Bool { name.hasPrefix("\(awayPrefix)\(run)-") }

    /// Returns the name under which such a folder is kept, empty, for another attempt.
    package static func spareName(_ name: String) -> String { "spare-" + name.dropFirst(awayPrefix.count) }

    /// Makes an empty folder for parts of a file that has no run yet.
    /// - Parameter number: tells it from others of this daemon.
    package func makeAheadParts(_ number: Int) throws(FileSystemError) -> FilePath {
        try makeAgain()
        let folder = work.appending("ahead-\(number)")
        try Disk.removeTree(folder)
        try Disk.makeDirectories(folder)
        return folder
    }

    /// Makes the folder that of the parts of a run. Throws where the run has parts already.
    package func takeAheadParts(_ folder: FilePath, for run: Int64) throws(FileSystemError) {
        if let failure = Disk.moveDirectory(folder, parts(run: run)) {
            throw .system(doing: "take over the parts", path: folder, errno: failure)
        }
    }

    package func discardParts(run: Int64) throws(FileSystemError) { try Disk.removeTree(parts(run: run)) }

    /// Removes what an attempt left behind once it was landed or given up.
    package func discard(run: Int64, attempt: Int) throws(FileSystemError) {
        try Disk.removeTree(work.appending("\(run)-\(attempt)"))
        let prefix = "\(run)-\(attempt)-"
        for name in try Disk.names(in: work) where name.string.hasPrefix(prefix) { try Disk.removeTree(work.appending(name)) }
    }

    /// Returns whether what an attempt has written, and what its run has scored of a large file, takes half of the file system or more.
    package func takesHalfOfDisk(run: Int64, attempt: Int) -> Bool {
        let own = (try? Disk.names(in: work)) ?? []
        let written = own.filter {
            $0.string == "\(run)-\(attempt)" || $0.string == "\(run)-parts" || $0.string.hasPrefix("\(run)-\(attempt)-")
        }
        .reduce(0) { $0 + Disk.allocatedBytes(work.appending($1)) }
        guard let capacity = Disk.capacity(descriptor) else { return false }
        return written >= capacity / 2
    }

    /// Removes what dead runs left, but not `keeping` (what the ledger intends to publish) nor the folders above it, and of runs that go on
    /// not the parts, nor what workers of other machines write. Call it before any attempt starts. Returns what it removed.
    @discardableResult
    package func sweep(keeping: [FilePath] = [], open: Set<Int64> = []) throws(FileSystemError) -> [FilePath] {
        var removed: [FilePath] = []
        let keeping = keeping + open.map { parts(run: $0) }
        for name in try Disk.names(in: work) {
            let leftover = work.appending(name)
            if keeping.contains(where: { $0.starts(with: leftover) }) || open.contains(where: { Self.isAway(name.string, run: $0) }) {
                continue
            }
            try Disk.removeTree(leftover)
            removed.append(leftover)
        }
        return removed
    }

    var work: FilePath { path.appending("work") }
    var held: FilePath { path.appending("held") }

    func syncFileSystem() throws(FileSystemError) {
        try Disk.syncFileSystem(descriptor, path)
    }

    /// Returns a name of at most 255 bytes without separators.
    private static func safe(_ name: String) -> String {
        let flat = String(name.map { $0 == "/" || $0 == "\0" ? "_" : $0 })
        if flat.utf8.count <= 200 { return flat }
        return String(flat.prefix(40)) + "-" + FileDigest.of(bytes: name.utf8).prefix(32)
    }

    // MARK: Choosing the place

    /// The name of the folder that has areas outside of the work folder.
    private static let outsideName = ".millrace-staging"

    private static func choose(
        for target: FilePath, root: FilePath, work: FilePath, epoch: Int64?, avoiding: Avoided
    ) throws(FileSystemError) -> FilePath {
        let target = target.lexicallyNormalized()
        let existing = try nearestExisting(target)
        let wanted = try Disk.mount(of: existing)
        let state = try realPath(work.appending("staging"))
        let stateIsFree = avoiding.leavesFree(state)
        if stateIsFree, try Disk.mount(of: nearestExisting(state)) == wanted { return state }

        var candidate = try realPath(existing)
        let name = outsideName
        let owner = try FileDigest.of(bytes: realPath(root).string.utf8).prefix(12) + (epoch.map { "-\($0)" } ?? "")
        var refusal: FileSystemError?
        while try Disk.mount(of: candidate) == wanted {
            if avoiding.leavesFree(candidate) {
                let directory = candidate.appending(name).appending(String(owner))
                do throws(FileSystemError) {
                    try Disk.makeDirectories(directory, FolderGrant(access: .ownerOnly, root: directory.removingLastComponent()))
                    return directory
                } catch {
                    refusal = refusal ?? error
                }
            }
            let above = candidate.removingLastComponent()
            if above == candidate || above.isEmpty { break }
            candidate = above
        }
        if let refusal {
            throw .noStagingPlace(
                target: target,
                why:
                    "\(refusal); let the daemon make a directory \(name) there, or put `work:` of millrace.yaml on the same mount as this "
                    + "path"
            )
        }
        throw .noStagingPlace(
            target: target,
            why: "everything on its mount lies in a spool or `land` path, and \(shown(state)) is "
                + (stateIsFree ? "on another mount" : "inside one too")
                + "; use a directory below this one as the path, or put --root on this mount outside of spools and outputs")
    }

    /// Returns the path itself, or the nearest directory above it that exists.
    private static func nearestExisting(_ path: FilePath) throws(FileSystemError) -> FilePath {
        var path = path
        while true {
            if Disk.isDirectory(path) { return path }
            let above = path.removingLastComponent()
            if above == path || above.isEmpty {
                if path.isAbsolute { throw .missing(path) }
                return "."
            }
            path = above
        }
    }

    /// Resolves symbolic links as far as the path exists, so that names tell whether one path lies in another.
    private static func realPath(_ path: FilePath) throws(FileSystemError) -> FilePath {
        let path = path.lexicallyNormalized()
        let existing = try nearestExisting(path)
        let real = try Disk.resolve(existing)
        guard existing != "." || path == "." else { return real.pushing(path) }
        var rest = path
        guard rest.removePrefix(existing) else { return real }
        return real.pushing(rest)
    }
}
