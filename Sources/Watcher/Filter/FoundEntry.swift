package import Arrivals
internal import Glibc
package import Reasons
internal import SystemPackage

/// Tells what is under a candidate's name, by `lstat`: a file to settle, or a reason why it can never be an arrival.
package enum FoundEntry: Sendable, Equatable {
    /// The stamp is of the file that a link leads to.
    case file(FileStamp)
    case directory
    case missing
    /// The machine does not let it be looked at: a folder without permission, a disk that fails. The file itself has no part in it.
    case unreachable(errno: CInt)
    case ignored(rule: Rule, reason: String)
    case refused(Explanation, FileStamp?)

    /// Looks at the entry.
    /// - Parameter root: the spool, with its own links resolved; a link out of it is refused.
    package init(path: String, root: String) {
        var status = stat()
        guard lstat(path, &status) == 0 else {
            self = [ENOENT, ENOTDIR, ELOOP, ENAMETOOLONG].contains(errno) ? .missing : .unreachable(errno: errno)
            return
        }
        self.init(path: path, root: root, status: status)
    }

    init(path: String, root: String, status: stat) {
        let stamp = FileStamp(status)
        switch status.st_mode & S_IFMT {
        case S_IFREG: self = .file(stamp)
        case S_IFDIR: self = .directory
        case S_IFLNK: self = Self.link(path: path, root: root, stamp: stamp)
        case S_IFIFO: self = .special(.specialFIFO, "a FIFO, which would never end", stamp)
        case S_IFSOCK: self = .special(.specialSocket, "a socket, not a file", stamp)
        case S_IFCHR, S_IFBLK: self = .special(.specialDevice, "a device, not a file", stamp)
        default: self = .special(.specialUnknown, "neither a file nor a directory", stamp)
        }
    }

    private static func special(_ rule: Rule, _ reason: String, _ stamp: FileStamp) -> FoundEntry {
        .refused(Explanation(reason: "it is \(reason)", rule: rule, remedy: "Remove it, or drop a regular file under this name"), stamp)
    }

    /// The reason why a file is refused that the daemon's user may not read.
    static let unreadable = Explanation(
        reason: "the daemon's user may not read it", rule: .inputUnreadable,
        remedy: "Give the daemon's user read permission, for example: setfacl -m u:USER:r FILE")

    private static func link(path: String, root: String, stamp: FileStamp) -> FoundEntry {
        var target = stat()
        guard stat(path, &target) == 0, let real = realPath(path) else {
            return .refused(
                Explanation(
                    reason: "it is a symbolic link to something that does not exist or cannot be reached", rule: .linkDangling,
                    remedy: "Drop the file itself, or make the link's target first"), stamp)
        }
        guard real == root || real.utf8.starts(with: (root == "/" ? "/" : root + "/").utf8) else {
            return .refused(
                Explanation(
                    reason: "it is a symbolic link to \(real), outside the spool", rule: .linkOutward,
                    remedy: "Drop the file itself: what stands outside the spool is not watched for changes"), stamp)
        }
        switch target.st_mode & S_IFMT {
        case S_IFREG: return .file(FileStamp(target))
        case S_IFDIR:
            return .ignored(rule: .linkDirectory, reason: "a link to a directory inside the spool, which is scanned where it stands")
        default: return FoundEntry(path: real, root: root, status: target)
        }
    }

    static func realPath(_ path: String) -> String? {
        guard let resolved = realpath(path, nil) else { return nil }
        defer { free(resolved) }
        return String(validatingCString: resolved)
    }
}
