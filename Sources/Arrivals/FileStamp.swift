package import Glibc

/// Tells cheaply whether a file is still the one that was read: any write, truncation, rename, link or mode change changes `changed`.
/// Device and inode are bit patterns, so that they fit a signed 64-bit column.
package struct FileStamp: Hashable, Codable, Sendable {
    package var device: Int64
    package var inode: Int64
    /// The size in bytes.
    package var size: Int64
    /// The status change time (ctime), in nanoseconds since 1970.
    package var changed: Int64

    /// The stamp of a file that cannot even be looked at.
    package static let none = FileStamp(device: 0, inode: 0, size: 0, changed: 0)

    package init(device: Int64, inode: Int64, size: Int64, changed: Int64) {
        self.device = device
        self.inode = inode
        self.size = size
        self.changed = changed
    }

    package init(_ status: stat) {
        device = Int64(bitPattern: UInt64(status.st_dev))
        inode = Int64(bitPattern: UInt64(status.st_ino))
        size = Int64(status.st_size)
        changed = Int64(status.st_ctim.tv_sec) * 1_000_000_000 + Int64(status.st_ctim.tv_nsec)
    }

    /// Reads the stamp of the file at `path` (a link is followed); returns nil where there is none.
    package init?(path: String) {
        var status = stat()
        guard stat(path, &status) == 0 else { return nil }
        self.init(status)
    }

    // MARK: Files that belong together

    /// Reads the stamp of a model with its external data: the model's own identity, the size of all files together, the latest change of
    /// any. Returns nil where one of them does not exist.
    /// - Parameter companions: paths like `model`.
    package init?(path model: String, companions: [String]) {
        self.init(path: model)
        for companion in companions {
            guard let other = FileStamp(path: companion) else { return nil }
            include(other)
        }
    }

    /// Returns the stamp of a file, which is the first of `stamps`, together with the files that belong to it.
    package static func whole(_ stamps: [FileStamp]) -> FileStamp {
        var whole = stamps[0]
        for other in stamps.dropFirst() { whole.include(other) }
        return whole
    }

    package mutating func include(_ companion: FileStamp) {
        size += companion.size
        changed = max(changed, companion.changed)
    }
}
