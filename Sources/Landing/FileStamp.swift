/// What tells cheaply whether a file is still the one that was read: any write, truncation, rename, link or mode change moves `changed`.
/// Device and inode are bit patterns, so that they fit a signed 64-bit ledger column.
package struct FileStamp: Hashable, Sendable, Codable {
    package let device: Int64
    package let inode: Int64
    package let size: Int64
    /// ctime in nanoseconds since 1970.
    package let changed: Int64

    package init(device: Int64, inode: Int64, size: Int64, changed: Int64) {
        self.device = device
        self.inode = inode
        self.size = size
        self.changed = changed
    }

    /// The stamp of a file with what belongs to it: its own identity, the size of all files together, and the latest change of any.
    package static func whole(_ stamps: [FileStamp]) -> FileStamp {
        FileStamp(
            device: stamps[0].device, inode: stamps[0].inode, size: stamps.reduce(0) { $0 + $1.size },
            changed: stamps.map(\.changed).max() ?? 0)
    }
}

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
