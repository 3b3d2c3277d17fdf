import Glibc
package import SystemPackage

/// Says who may read what the daemon makes: a mode and a group. They are set on each file and folder, so that the umask decides nothing.
package struct FileAccess: Hashable, Sendable {
    /// The permissions of files. A folder has the same, and whoever may read it may also enter it.
    package let mode: UInt16
    /// The number of the group. Nil leaves the group that the file system gives.
    package let group: UInt32?

    package init(mode: UInt16, group: UInt32? = nil) {
        self.mode = mode
        self.group = group
    }

    /// The access of what is published, where the pipeline names no other.
    package static let standard = FileAccess(mode: 0o640)
    /// The access of what only the daemon's user needs.
    package static let ownerOnly = FileAccess(mode: 0o600)
    /// The access of folders that others write into, such as spools: it is the one that the umask at the start of the process gives.
    package static var shared: FileAccess { FileAccess(mode: 0o666 & ~CreationMask.inherited) }

    package var directoryMode: UInt16 { mode | (mode & 0o444) >> 2 }
}

/// Restricts the umask of a daemon: nobody else may use a file that was not given to others on purpose.
package enum CreationMask {
    /// The umask that the process was started with, or has until `restrict` is called.
    package static let inherited: UInt16 = {
        let before = umask(0o077)
        umask(before)
        return UInt16(before)
    }()

    /// Restricts the umask of the process to its user. It must be called before the first thread starts.
    package static func restrict() {
        _ = inherited
        umask(0o077)
    }
}

/// Gives `access` to new folders at `root` and below; new folders above it get the shared access.
package struct FolderGrant {
    private let access: FileAccess
    private let root: FilePath

    package init(access: FileAccess, root: FilePath) {
        self.access = access
        self.root = root
    }

    func access(of folder: FilePath) -> FileAccess { folder.starts(with: root) ? access : .shared }
}

/// Makes a folder that a pipeline names, with those above it, where it is missing.
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

    /// Gives an open file that is ours its mode and group.
    package static func grant(_ access: FileAccess, _ file: FileDescriptor, _ path: FilePath) throws(FileSystemError) {
        if let group = access.group, fchown(file.rawValue, uid_t.max, group) != 0 {
            throw error("give to group \(group)", path, Errno(rawValue: errno))
        }
        try check(fchmod(file.rawValue, mode_t(access.mode)), path)
    }

    package static func grant(_ access: FileAccess, folder path: FilePath) throws(FileSystemError) {
        // The set-group-ID bit, which a folder gets from the one above it, must stay.
        var raw = Glibc.stat()
        let inherited = path.withPlatformString { lstat($0, &raw) } == 0 ? UInt16(raw.st_mode & 0o2000) : 0
        try grant(access.group, access.directoryMode | inherited, path)
    }

    private static func grant(_ group: UInt32?, _ mode: UInt16, _ path: FilePath) throws(FileSystemError) {
        if let group, path.withPlatformString({ lchown($0, uid_t.max, group) }) != 0 {
            throw error("give to group \(group)", path, Errno(rawValue: errno))
        }
        try check(path.withPlatformString { chmod($0, mode_t(mode)) }, path)
    }

    private static func check(_ changed: Int32, _ path: FilePath) throws(FileSystemError) {
        guard changed != 0 else { return }
        switch Errno(rawValue: errno) {
        // The file system has no modes, as FAT and some FUSE file systems.
        case .notPermitted, .notSupported, .noFunction: break
        case let failure: throw error("set the mode of", path, failure)
        }
    }
}
