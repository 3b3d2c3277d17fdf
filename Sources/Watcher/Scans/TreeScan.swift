package import Arrivals
import FileSystem
internal import Glibc
internal import Names
internal import Reasons
internal import SystemPackage

/// Walks everything below one directory of a spool, a few names at a time, and has each directory watched before it lists it.
final class TreeScan {
    enum Finding {
        case file(String, FileStamp)
        case refused(String, Explanation, FileStamp?)
        /// The directory cannot be listed, or what is in it not be looked at. The walk may have begun there.
        case failed(String, WatcherError)
        /// No pattern of the spool takes the file.
        case unmatched(String)
    }

    /// The number of names between two looks at the clock.
    private static let mostNames = 64

    let root: String
    let filter: NameFilter
    let start: String
    let isDeep: Bool
    /// The number of names that were passed over by rule.
    private(set) var ignored = 0
    /// The directories that are still to be listed.
    private var open: [String]
    private var current: (directory: String, listing: DirectoryListing)?
    /// The error for which something in the current directory could not be looked at.
    private var blindness: CInt?

    init(root: String, filter: NameFilter, from start: String = "", isDeep: Bool = true) {
        self.root = root
        self.filter = filter
        self.start = start
        self.isDeep = isDeep
        open = [start]
    }

    /// Walks on while `mayGoOn` is true, but over some names at least.
    /// - Parameter enter: called for each directory, relative to the root, before it is listed.
    /// - Returns: whether there is more to walk.
    func advance(while mayGoOn: () -> Bool = { true }, enter: (String) -> Void = { _ in }, found: (Finding) -> Void) -> Bool {
        repeat {
            guard let (directory, listing) = current ?? next(enter, found) else { return false }
            if listing.forEach(atMost: Self.mostNames, { meet($0, $1, in: directory, found) }) { continue }
            current = nil
            if let blindness { found(.failed(directory, .cannotList(path: path(of: directory), errno: blindness))) }
        } while mayGoOn()
        return true
    }

    /// Leaves out what is left below a directory, which went away.
    func leaveOut(_ directory: String) {
        open.removeAll { SpoolPath.isWithin($0, directory) }
        if let current, SpoolPath.isWithin(current.directory, directory) { self.current = nil }
    }

    private func path(of directory: String) -> String { directory.isEmpty ? root : root + "/" + directory }

    /// Enters the next directory that can be listed.
    private func next(_ enter: (String) -> Void, _ found: (Finding) -> Void) -> (String, DirectoryListing)? {
        while let directory = open.popLast() {
            enter(directory)
            do throws(Errno) {
                let opened = (directory, try DirectoryListing(path: path(of: directory)))
                current = opened
                blindness = nil
                return opened
            } catch {
                if error != .noSuchFileOrDirectory && error != .notDirectory || directory.isName(start) {
                    found(.failed(directory, .cannotList(path: path(of: directory), errno: error.rawValue)))
                }
            }
        }
        return nil
    }

    private func meet(_ entry: DirectoryListing.Entry, _ status: () -> stat?, in directory: String, _ found: (Finding) -> Void) {
        guard let name = entry.name else {
            if !entry.shownName.hasPrefix(".") {
                found(
                    .refused(SpoolPath.join(directory, entry.shownName), NameFilter.notUnicode, status().map(Self.identityStamp)))
            }
            return
        }
        let relative = SpoolPath.join(directory, name)
        let decision =
            entry.isDirectory ? NameFilter.decide(directory: name[...]) ?? .candidate : filter.decide(name: name[...], of: relative)
        switch decision {
        case .ignored:
            ignored += 1
            if !entry.isDirectory, filter.isUnmatched(name[...], decision) { found(.unmatched(relative)) }
        case .refused(let explanation): found(.refused(relative, explanation, status().map(Self.identityStamp)))
        case .candidate where entry.isDirectory:
            if isDeep { open.append(relative) }
        case .candidate:
            guard let status = status() else {
                if ![ENOENT, ENOTDIR].contains(errno) { blindness = errno }
                return
            }
            switch FoundEntry(path: root + "/" + relative, root: root, status: status) {
            case .file(let stamp): found(.file(relative, stamp))
            case .refused(let explanation, let stamp): found(.refused(relative, explanation, stamp))
            case .ignored: ignored += 1
            case .directory, .missing, .unreachable: break
            }
        }
    }

    static func identity(of path: String) -> FileStamp? {
        var status = stat()
        return lstat(path, &status) == 0 ? identityStamp(status) : nil
    }

    /// Returns a stamp of device and inode only. It serves for directories, whose size and change time follow their entries, and for names
    /// that are refused whatever the content.
    private static func identityStamp(_ status: stat) -> FileStamp {
        FileStamp(device: Int64(bitPattern: UInt64(status.st_dev)), inode: Int64(bitPattern: UInt64(status.st_ino)), size: 0, changed: 0)
    }
}

extension SpoolDirectory {
    /// Calls `body` with each file below that could be an arrival by name and kind, relative to `path`, as it stands now: nothing is
    /// watched for it.
    package func eachCandidate(_ body: (String, FileStamp) -> Void) {
        let filter = NameFilter(include: include, ignoresSuffixCase: ignoresSuffixCase)
        _ = TreeScan(root: FoundEntry.realPath(path) ?? path, filter: filter).advance(found: { finding in
            if case .file(let relative, let stamp) = finding { body(relative, stamp) }
        })
    }
}
