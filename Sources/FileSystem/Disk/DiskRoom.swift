import Glibc
package import SystemPackage

/// Compares the size of what is to be written with the capacity of the disk, before a byte of it is written. A sparse file counts with its
/// apparent size, because its copy would have that size.
package enum DiskRoom {
    /// - Parameter path: a file or folder to be written, which need not be there yet.
    package static func check(_ byteCount: Int64, at path: FilePath) throws(FileSystemError) {
        // For a small file, the disk is found to be full when the file is written.
        guard byteCount > 1 << 20 else { return }
        var folder = path
        var room = statvfs()
        while folder.withPlatformString({ statvfs($0, &room) }) != 0 {
            let above = folder.removingLastComponent()
            if above == folder || above.isEmpty { return }
            folder = above
        }
        try check(byteCount, room, path)
    }

    /// Compares with the disk that an open file or folder is on.
    static func check(_ byteCount: Int64, on descriptor: FileDescriptor, _ path: FilePath) throws(FileSystemError) {
        guard byteCount > 1 << 20 else { return }
        var room = statvfs()
        guard fstatvfs(descriptor.rawValue, &room) == 0 else { return }
        try check(byteCount, room, path)
    }

    private static func check(_ byteCount: Int64, _ room: statvfs, _ path: FilePath) throws(FileSystemError) {
        let block = Int64(clamping: room.f_frsize)
        func bytes(_ blocks: fsblkcnt_t) -> Int64 {
            let (bytes, overflow) = Int64(clamping: blocks).multipliedReportingOverflow(by: block)
            return overflow ? .max : bytes
        }
        guard room.f_blocks > 0, byteCount > bytes(room.f_bavail) else { return }
        let capacity = bytes(room.f_blocks)
        if byteCount > capacity { throw .largerThanDisk(path, bytes: byteCount, capacity: capacity) }
        throw .noSpace(doing: "write \(byteCount) bytes to", path: path)
    }
}
