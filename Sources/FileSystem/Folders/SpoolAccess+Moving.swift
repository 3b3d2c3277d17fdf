import Glibc
package import SystemPackage

/// Looks at what stands under a name of the spool, and moves it, beneath the spool only. Where the name itself is a link, it is never
/// followed.
extension SpoolAccess {
    /// Returns the status of what has that name; nil where nothing is there.
    package func status(_ relative: FilePath) throws(FileSystemError) -> FileStatus? {
        try named(relative) { (folder, name) throws(FileSystemError) in try Self.status(folder, name, root.pushing(relative)) }
    }

    /// Returns the digest of a regular file that stands there itself; nil where something else does, or nothing.
    package func digest(_ relative: FilePath) throws(FileSystemError) -> String? {
        let path = root.pushing(relative)
        return try named(relative) { (folder, name) throws(FileSystemError) in
            let opened = openat(folder.rawValue, name, O_RDONLY | O_NONBLOCK | O_NOFOLLOW | O_NOCTTY | O_CLOEXEC)
            guard opened >= 0 else {
                let failure = Errno(rawValue: errno)
                if [.noSuchFileOrDirectory, .tooManySymbolicLinkLevels, .noSuchAddressOrDevice].contains(failure) { return nil }
                throw Disk.error("read", path, failure)
            }
            let descriptor = FileDescriptor(rawValue: opened)
            defer { Disk.close(descriptor) }
            do throws(FileSystemError) { return try FileDigest.of(descriptor, named: path).digest } catch .notRegular { return nil }
        }
    }

    /// Moves a file out of the spool, never over another. Returns nil when it is done, else the reason why it is not.
    package func moveOut(_ relative: FilePath, to target: FilePath) throws(FileSystemError) -> Errno? {
        try named(relative) { (folder, name) throws(FileSystemError) in
            DiskObservers.refusal(of: .rename(root.pushing(relative), to: target))
                ?? target.withPlatformString { Self.move(folder.rawValue, name, AT_FDCWD, $0) }
        }
    }

    /// Moves a file into the spool, whose folders are made where they are missing. Returns nil when it is done, else the reason why it is
    /// not. Throws `outsideSpool` where a link stands in the way.
    package func moveIn(_ source: FilePath, as relative: FilePath) throws(FileSystemError) -> Errno? {
        let folder = try madeFolder(relative.removingLastComponent())
        defer { Disk.close(folder) }
        let moved =
            DiskObservers.refusal(of: .rename(source, to: root.pushing(relative)))
            ?? source.withPlatformString { source in
                relative.lastComponent!.withPlatformString { Self.move(AT_FDCWD, source, folder.rawValue, $0) }
            }
        if moved == nil { sync(folder, of: relative) }
        return moved
    }

    /// Syncs the folder of `relative`, where it is still there, so that the removal of a name from it is durable.
    package func syncFolder(of relative: FilePath) {
        guard let folder = try? openFolder(relative.removingLastComponent()) else { return }
        sync(folder, of: relative)
        Disk.close(folder)
    }

    private func sync(_ folder: FileDescriptor, of relative: FilePath) {
        guard DiskObservers.refusal(of: .sync(root.pushing(relative.removingLastComponent()))) == nil else { return }
        _ = fsync(folder.rawValue)
    }

    private func named<Result>(
        _ relative: FilePath, _ body: (FileDescriptor, UnsafePointer<CChar>) throws(FileSystemError) -> Result
    ) throws(FileSystemError) -> Result {
        let folder = try openFolder(relative.removingLastComponent())
        defer { Disk.close(folder) }
        let name =
            relative.lastComponent.map { $0.withPlatformString { Array(UnsafeBufferPointer(start: $0, count: strlen($0) + 1)) } } ?? [0]
        return try body(folder, name)
    }

    private func madeFolder(_ relative: FilePath) throws(FileSystemError) -> FileDescriptor {
        var made = FilePath()
        for name in relative.components {
            made.append(name)
            let above = try openFolder(made.removingLastComponent())
            defer { Disk.close(above) }
            name.withPlatformString { name in
                if mkdirat(above.rawValue, name, 0o700) == 0 {
                    _ = fchmodat(above.rawValue, name, mode_t(FileAccess.shared.directoryMode), 0)
                }
            }
        }
        return try openFolder(relative)
    }

    private static func status(
        _ folder: FileDescriptor, _ name: UnsafePointer<CChar>, _ path: FilePath
    ) throws(FileSystemError) -> FileStatus? {
        var raw = Glibc.stat()
        if fstatat(folder.rawValue, name, &raw, AT_SYMLINK_NOFOLLOW) == 0 { return FileStatus(raw) }
        let failure = Errno(rawValue: errno)
        if failure == .noSuchFileOrDirectory { return nil }
        throw Disk.error("look at", path, failure)
    }

    /// Moves a file and never replaces another; where only `link` can promise that, it uses `link` and `unlink`.
    private static func move(_ fromFolder: Int32, _ from: UnsafePointer<CChar>, _ toFolder: Int32, _ to: UnsafePointer<CChar>) -> Errno? {
        if LinuxCalls.renameat2(from, to, LinuxCalls.renameNoReplace, from: fromFolder, to: toFolder) == 0 { return nil }
        let failure = Errno(rawValue: errno)
        guard [.invalidArgument, .noFunction, .notSupported].contains(failure) else { return failure }
        guard linkat(fromFolder, from, toFolder, to, 0) == 0, unlinkat(fromFolder, from, 0) == 0 else { return Errno(rawValue: errno) }
        return nil
    }
}
