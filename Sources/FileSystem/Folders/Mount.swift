internal import Glibc

/// Tells which file system a folder is on, from proc_pid_mountinfo(5): by name, which `statfs` would give as a number only.
package struct Mount: Hashable, Sendable {
    /// The type, such as `ext4`, `nfs4`, `fuse.sshfs`.
    package let type: String

    /// Tells whether this kernel is the only writer, so that inotify sees every write; false for every type that is not known: network and
    /// FUSE mounts accept a watch and stay silent about other hosts (SEMANTICS 11), and what is written below an overlay raises no event
    /// above it.
    package var isLocal: Bool { Self.local.contains(type) }

    /// Tells whether SQLite's write-ahead log must not be kept there, because another host may write there too, and its shared memory is
    /// not ours. Nobody can know what is behind FUSE; `fuseblk` is a local disk.
    package var isNetwork: Bool {
        Self.network.contains(type) || type == "fuse" || type.hasPrefix("fuse.")
    }

    private static let local: Set<String> = [
        "bcachefs", "btrfs", "exfat", "ext2", "ext3", "ext4", "f2fs", "hfsplus", "jfs", "msdos", "nilfs2", "ntfs3", "ramfs", "reiserfs",
        "rootfs", "tmpfs", "ubifs", "udf", "vfat", "xfs", "zfs",
    ]

    private static let network: Set<String> = [
        "nfs", "nfs4", "cifs", "smb3", "smbfs", "ceph", "afs", "9p", "coda", "ncpfs", "lustre", "gpfs", "gfs2", "ocfs2", "panfs", "pvfs2",
        "beegfs", "glusterfs", "vboxsf", "davfs", "acfs", "prl_fs",
    ]

    /// Returns the mount of the existing folder at `path`; nil where it cannot be found out.
    package static func of(_ path: String) -> Mount? {
        guard let real = realpath(path, nil) else { return nil }
        defer { free(real) }
        guard let table = contents(of: "/proc/self/mountinfo") else { return nil }
        return of(String(cString: real), in: table)
    }

    /// The types of all file systems that this process sees, by mount point.
    package static var points: [String: String] {
        var points: [String: String] = [:]
        for line in (contents(of: "/proc/self/mountinfo") ?? "").split(separator: "\n") {
            let halves = line.split(separator: " ", omittingEmptySubsequences: true)
            guard halves.count > 6, let dash = halves.firstIndex(of: "-"), dash + 1 < halves.count else { continue }
            points[unescaped(halves[4])] = String(halves[dash + 1])
        }
        return points
    }

    /// Returns the mount whose point is the longest prefix of the path; of equal ones the last, which covers the others.
    package static func of(_ real: String, in table: String) -> Mount? {
        var found: (length: Int, type: String)?
        for line in table.split(separator: "\n") {
            let halves = line.split(separator: " ", omittingEmptySubsequences: true)
            guard halves.count > 6, let dash = halves.firstIndex(of: "-"), dash + 1 < halves.count else { continue }
            let point = unescaped(halves[4])
            let isAbove = point == "/" || real == point || real.hasPrefix(point + "/")
            guard isAbove, point.utf8.count >= found?.length ?? 0 else { continue }
            found = (point.utf8.count, String(halves[dash + 1]))
        }
        return found.map { Mount(type: $0.type) }
    }

    /// Decodes a field in which blanks, tabs, newlines and backslashes are written as three octal digits (proc(5)).
    private static func unescaped(_ field: Substring) -> String {
        guard field.contains("\\") else { return String(field) }
        var bytes: [UInt8] = []
        var rest = Array(field.utf8)[...]
        while let byte = rest.popFirst() {
            if byte == UInt8(ascii: "\\"), rest.count >= 3, let code = UInt8(String(decoding: rest.prefix(3), as: UTF8.self), radix: 8) {
                bytes.append(code)
                rest = rest.dropFirst(3)
            } else {
                bytes.append(byte)
            }
        }
        return String(decoding: bytes, as: UTF8.self)
    }

    private static func contents(of path: String) -> String? {
        let file = open(path, O_RDONLY | O_CLOEXEC)
        guard file >= 0 else { return nil }
        defer { close(file) }
        var bytes: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 16384)
        while true {
            let count = read(file, &buffer, buffer.count)
            if count < 0 { return nil }
            if count == 0 { return String(decoding: bytes, as: UTF8.self) }
            bytes += buffer[..<count]
        }
    }
}
