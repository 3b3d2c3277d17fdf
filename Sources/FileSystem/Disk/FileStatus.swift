package import Arrivals
package import Glibc

/// Holds the result of one `lstat` or `fstat`.
package struct FileStatus: Equatable, Codable, Sendable {
    package enum Kind: String, Codable, Sendable { case regular, directory, link, other }

    package let kind: Kind
    package let stamp: FileStamp
    /// The mtime in nanoseconds since 1970; unlike ctime, it does not change with a rename.
    package let modified: Int64
    /// The permission bits.
    package let mode: UInt16

    /// Returns whether only the name, the mode or the link count can have changed between the two.
    package func sameContent(as other: FileStatus) -> Bool {
        stamp.device == other.stamp.device && stamp.inode == other.stamp.inode && stamp.size == other.stamp.size
            && modified == other.modified
    }
}

extension FileStatus {
    package init(_ raw: Glibc.stat) {
        switch raw.st_mode & S_IFMT {
        case S_IFREG: kind = .regular
        case S_IFDIR: kind = .directory
        case S_IFLNK: kind = .link
        default: kind = .other
        }
        stamp = FileStamp(raw)
        modified = Int64(raw.st_mtim.tv_sec) * 1_000_000_000 + Int64(raw.st_mtim.tv_nsec)
        mode = UInt16(raw.st_mode & 0o7777)
    }
}
