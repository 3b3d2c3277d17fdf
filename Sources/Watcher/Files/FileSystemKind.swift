internal import Foundation

/// The file systems on which inotify sees every writer, since there is no writer but this kernel.
package enum FileSystemKind {
    /// Types as /proc/self/mountinfo names them. Overlays are not here: what is written below one raises nothing above it.
    private static let local: Set<Substring> = [
        "bcachefs", "btrfs", "exfat", "ext2", "ext3", "ext4", "f2fs", "hfsplus", "jfs", "msdos", "nilfs2", "ntfs3", "ramfs", "reiserfs",
        "rootfs", "tmpfs", "ubifs", "udf", "vfat", "xfs", "zfs",
    ]

    /// False for everything not known: network and FUSE mounts accept a watch and stay silent about other hosts (SEMANTICS 11).
    package static func isLocal(path: String) -> Bool {
        guard let mounts = FileManager.default.contents(atPath: "/proc/self/mountinfo") else { return false }
        return type(of: path, mounts: String(decoding: mounts, as: UTF8.self)).map { local.contains($0[...]) } ?? false
    }

    /// The type of the mount that holds `path`, whose links are resolved: the longest mount point above it, the last one of equals.
    static func type(of path: String, mounts: String) -> String? {
        var best: (length: Int, type: String)?
        for line in mounts.split(separator: "\n") {
            let fields = line.split(separator: " ")
            guard fields.count > 6, let dash = fields.firstIndex(of: "-"), dash + 1 < fields.count else { continue }
            let point = unescaped(fields[4])
            let isAbove = point == "/" || path == point || path.hasPrefix(point + "/")
            if isAbove, point.utf8.count >= best?.length ?? 0 { best = (point.utf8.count, String(fields[dash + 1])) }
        }
        return best?.type
    }

    /// Blanks, tabs, newlines and backslashes stand as three octal digits (proc(5)).
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
}
