import Arrivals

/// One `lstat` or `fstat`.
struct FileStatus: Equatable {
    enum Kind { case regular, directory, link, other }

    let kind: Kind
    let stamp: FileStamp
    /// mtime in nanoseconds since 1970; unlike ctime a rename leaves it alone.
    let modified: Int64
    let linkCount: Int
    /// The permission bits.
    let mode: UInt16

    /// True when only the name, the mode or the link count can have changed between the two.
    func sameContent(as other: FileStatus) -> Bool {
        stamp.device == other.stamp.device && stamp.inode == other.stamp.inode && stamp.size == other.stamp.size
            && modified == other.modified
    }
}
