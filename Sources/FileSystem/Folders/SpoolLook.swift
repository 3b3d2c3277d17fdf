import Arrivals
import Glibc
package import SystemPackage

/// Keeps a spool folder open, and finds out which files are not in it any more. A folder that cannot be listed, such as one without
/// permission, and a file that cannot be looked at, count as no evidence. The descriptor stays on the folder as it was opened, whatever is
/// mounted over it meanwhile.
package struct SpoolLook: ~Copyable {
    private let descriptor: FileDescriptor
    /// The device of the folder itself, with links followed: another folder in its place has another device or inode.
    package let device: Int64
    package let inode: Int64

    package init(_ spool: FilePath) throws(FileSystemError) {
        let opened = try Disk.open(spool, .readOnly, .directory, doing: "read")
        let stamp: FileStamp
        do throws(FileSystemError) { stamp = try Disk.status(opened, spool).stamp } catch {
            Disk.close(opened)
            throw error
        }
        descriptor = opened
        (device, inode) = (stamp.device, stamp.inode)
    }

    deinit { Disk.close(descriptor) }

    /// Returns whether the file that was at that path, on that device, was removed from there: nothing has the name, and the folder that it
    /// was in, or the nearest one above that is there, can be listed and is on that device. A folder from which a mount was taken away is
    /// on another device.
    package func lacks(_ path: String, device: Int64) -> Bool {
        var raw = Glibc.stat()
        guard fstatat(descriptor.rawValue, path, &raw, AT_SYMLINK_NOFOLLOW) != 0, Self.isMissing(errno) else { return false }
        var folder = FilePath(path)
        while folder.removeLastComponent(), !folder.isEmpty {
            let opened = folder.withPlatformString { openat(descriptor.rawValue, $0, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC) }
            if opened < 0, Self.isMissing(errno) { continue }
            guard opened >= 0 else { return false }
            defer { close(opened) }
            return fstat(opened, &raw) == 0 && Int64(bitPattern: UInt64(raw.st_dev)) == device
        }
        return self.device == device
    }

    /// Returns whether something has that path.
    package func has(_ path: String) -> Bool {
        var raw = Glibc.stat()
        return fstatat(descriptor.rawValue, path, &raw, AT_SYMLINK_NOFOLLOW) == 0
    }

    private static func isMissing(_ code: Int32) -> Bool { code == ENOENT || code == ENOTDIR }
}
