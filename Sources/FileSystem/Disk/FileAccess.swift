import Glibc
package import SystemPackage

/// Who may read what the daemon makes: a mode and a group. They are set on each file and folder, so that the umask decides nothing.
package struct FileAccess: Hashable, Sendable {
    /// The permissions of files. A folder has the same, and whoever may read it may also enter it.
    package let mode: UInt16
    /// The group's number. Nil leaves the group that the file system gives.
    package let group: UInt32?

    package init(mode: UInt16, group: UInt32? = nil) {
        self.mode = mode
        self.group = group
    }

    /// What is published has this where the pipeline says nothing else.
    package static let standard = FileAccess(mode: 0o640)
    /// What only the daemon's user needs.
    package static let ownerOnly = FileAccess(mode: 0o600)
    /// Folders that others write into, such as spools: as the umask that the process was started with would make them.
    package static var shared: FileAccess { FileAccess(mode: 0o666 & ~CreationMask.inherited) }

    package var directoryMode: UInt16 { mode | (mode & 0o444) >> 2 }
}

/// The umask of a daemon: what it does not give to anybody on purpose is its own.
package enum CreationMask {
    /// The umask that the process was started with, or has until `restrict` is called.
    package static let inherited: UInt16 = {
        let before = umask(0o077)
        umask(before)
        return UInt16(before)
    }()

    /// Restricts the umask of the process to its user. To be called before the first thread starts.
    package static func restrict() {
        _ = inherited
        umask(0o077)
    }
}

/// New folders at `root` and below get `access`; those above it are shared ones.
package struct FolderGrant {
    private let access: FileAccess
    private let root: FilePath

    package init(access: FileAccess, root: FilePath) {
        self.access = access
        self.root = root
    }

    func access(of folder: FilePath) -> FileAccess { folder.starts(with: root) ? access : .shared }
}

/// A folder that a pipeline names: made where it is missing, with those above it.
package enum PublicFolder {
    package static func make(_ path: FilePath, _ access: FileAccess) throws(FileSystemError) {
        try Disk.makeDirectories(path, FolderGrant(access: access, root: path))
    }
}

extension Disk {
    /// Gives a file that is ours its mode and group.
    package static func grant(_ access: FileAccess, file path: FilePath) throws(FileSystemError) {
        try grant(access.group, access.mode, path)
    }

    package static func grant(_ access: FileAccess, folder path: FilePath) throws(FileSystemError) {
        // Set-group-ID, which a folder has from the one above it, is not ours to take away.
        var raw = Glibc.stat()
        let inherited = path.withPlatformString { lstat($0, &raw) } == 0 ? UInt16(raw.st_mode & 0o2000) : 0
        try grant(access.group, access.directoryMode | inherited, path)
    }

    private static func grant(_ group: UInt32?, _ mode: UInt16, _ path: FilePath) throws(FileSystemError) {
        if let group, path.withPlatformString({ lchown($0, uid_t.max, group) }) != 0 {
            throw error("give to group \(group)", path, Errno(rawValue: errno))
        }
        guard path.withPlatformString({ chmod($0, mode_t(mode)) }) != 0 else { return }
        switch Errno(rawValue: errno) {
        // A file system without modes, such as FAT and some FUSE ones.
        case .notPermitted, .notSupported, .noFunction: break
        case let failure: throw error("set the mode of", path, failure)
        }
    }
}
