internal import Glibc

/// What tells one state of a file from another without reading it. Modification times are not in it: sync tools set them at will.
package struct FileStamp: Sendable, Hashable, Codable {
    package var device: UInt64
    package var inode: UInt64
    package var size: Int64
    /// The status change time (ctime), in nanoseconds since 1970.
    package var changed: Int64

    package init(device: UInt64, inode: UInt64, size: Int64, changed: Int64) {
        self.device = device
        self.inode = inode
        self.size = size
        self.changed = changed
    }

    init(_ status: stat) {
        device = UInt64(status.st_dev)
        inode = UInt64(status.st_ino)
        size = Int64(status.st_size)
        changed = Int64(status.st_ctim.tv_sec) * 1_000_000_000 + Int64(status.st_ctim.tv_nsec)
    }

    /// The stamp of the file at `path` (a link is followed), or nil where there is none.
    package init?(path: String) {
        var status = stat()
        guard stat(path, &status) == 0 else { return nil }
        self.init(status)
    }

    /// The stamp of a model with its external data, as the watcher reports it: the model's own identity, the size of all files
    /// together, the latest change of any. Nil where one of them is gone. `companions` are paths like `model`.
    package init?(path model: String, companions: [String]) {
        self.init(path: model)
        for companion in companions {
            guard let other = FileStamp(path: companion) else { return nil }
            include(other)
        }
    }

    mutating func include(_ companion: FileStamp) {
        size += companion.size
        changed = max(changed, companion.changed)
    }
}
