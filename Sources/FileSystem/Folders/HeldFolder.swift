import Glibc
package import SystemPackage

/// Holds a folder open, so that its files are found although the folder gets another name.
package final class HeldFolder: GivenFolder {
    package let path: FilePath
    private let folder: FileDescriptor

    package init(_ path: FilePath) throws(FileSystemError) {
        self.path = path
        folder = try Disk.open(path, .readOnly, .directory, doing: "open the folder")
    }

    /// Makes the folder where it is missing, with those above it.
    package convenience init(making path: FilePath) throws(FileSystemError) {
        if !Disk.isDirectory(path) { try Disk.makeDirectories(path) }
        try self.init(path)
    }

    /// Makes the folder where it is missing, in one that is there. Where that is gone, nobody wants any more what would be written.
    package convenience init(makingLast path: FilePath) throws(FileSystemError) {
        if let failure = Disk.failure({ path.withPlatformString { mkdir($0, 0o777) } }), failure != .fileExists {
            throw Disk.error("make the directory", path, failure)
        }
        try self.init(path)
    }

    /// Takes over a folder that is open already.
    package init(_ folder: FileDescriptor, named path: FilePath) {
        self.path = path
        self.folder = folder
    }

    deinit { Disk.close(folder) }

    package func descriptor() throws(FileSystemError) -> FileDescriptor { try Disk.duplicate(folder, path) }

    package func status(_ name: String) throws(FileSystemError) -> FileStatus? {
        do throws(FileSystemError) {
            return try beneath(name) { (folder, last) throws(FileSystemError) in
                var raw = Glibc.stat()
                let failure = Disk.perform(.look(path(of: name))) { fstatat(folder, last, &raw, AT_SYMLINK_NOFOLLOW) }
                guard let failure else { return FileStatus(raw) }
                if failure == .noSuchFileOrDirectory || failure == .notDirectory { return nil }
                throw Disk.error("look at", path(of: name), failure)
            }
        } catch .missing {
            return nil
        }
    }

    package func open(_ name: String) throws(FileSystemError) -> FileDescriptor {
        try SpoolAccess(root: path).openBeneath(
            relative(name), in: folder, flags: O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC, followingLinks: false)
    }

    package func create(_ name: String, _ kind: NewFile) throws(FileSystemError) -> FileDescriptor {
        let flags =
            switch kind {
            case .fresh: O_EXCL
            case .emptied: O_TRUNC
            case .kept: 0 as Int32
            }
        return try beneath(name) { (folder, last) throws(FileSystemError) in
            let made = openat(folder, last, O_RDWR | O_CREAT | O_NOFOLLOW | O_NOCTTY | O_CLOEXEC | flags, 0o666)
            guard made >= 0 else { throw Disk.error("write", path(of: name), Errno(rawValue: errno)) }
            return FileDescriptor(rawValue: made)
        }
    }

    package func makeFolder(_ name: String) throws(FileSystemError) {
        try beneath(name) { (folder, last) throws(FileSystemError) in
            guard let failure = Disk.failure({ mkdirat(folder, last, 0o777) }), failure != .fileExists else { return }
            throw Disk.error("make the directory", path(of: name), failure)
        }
    }

    package func rename(_ name: String, to new: String) throws(FileSystemError) {
        let (from, to) = (path(of: name), path(of: new))
        try beneath(name) { (folder, last) throws(FileSystemError) in
            try beneath(new) { (newFolder, newLast) throws(FileSystemError) in
                let failure = Disk.perform(.rename(from, to: to)) { renameat(folder, last, newFolder, newLast) }
                if let failure { throw Disk.renameFailure(failure, from, to) }
            }
        }
    }

    package func names() throws(FileSystemError) -> [String] {
        do throws(Errno) { return try Disk.names(inOpen: folder) } catch { throw Disk.error("list", path, error) }
    }

    package func remove(_ name: String) throws(FileSystemError) {
        do throws(FileSystemError) {
            try beneath(name) { (folder, last) throws(FileSystemError) in
                var failure = Disk.failure { unlinkat(folder, last, 0) }
                if failure == .isDirectory {
                    let inside = HeldFolder(try openFolder(name), named: path(of: name))
                    for name in try inside.names() { try inside.remove(name) }
                    failure = Disk.failure { unlinkat(folder, last, AT_REMOVEDIR) }
                }
                if let failure, failure != .noSuchFileOrDirectory { throw Disk.error("remove", path(of: name), failure) }
            }
        } catch .missing {}
    }

    package func sync(_ name: String?) throws(FileSystemError) {
        guard let name else { return try Disk.sync(directory: folder, path) }
        let inside = try openFolder(name)
        defer { Disk.close(inside) }
        try Disk.sync(directory: inside, path(of: name))
    }

    package func checkRoom(for byteCount: Int64, at name: String) throws(FileSystemError) {
        try DiskRoom.check(byteCount, on: folder, path(of: name))
    }

    private func openFolder(_ name: String) throws(FileSystemError) -> FileDescriptor {
        try SpoolAccess(root: path).openBeneath(
            FilePath(name), in: folder, flags: O_RDONLY | O_DIRECTORY | O_CLOEXEC, followingLinks: false)
    }

    /// Calls `body` with the folder that a name is in and the last component of the name, which has no other meaning than a name there.
    private func beneath<Result>(
        _ name: String, _ body: (_ folder: Int32, _ last: String) throws(FileSystemError) -> Result
    ) throws(FileSystemError) -> Result {
        let relative = try relative(name)
        let last = relative.lastComponent?.string ?? ""
        if relative.components.count == 1 { return try body(folder.rawValue, last) }
        let above = try openFolder(relative.removingLastComponent().string)
        defer { Disk.close(above) }
        return try body(above.rawValue, last)
    }

    /// Returns a name as a path. Throws where it is none of a file beneath the folder.
    private func relative(_ name: String) throws(FileSystemError) -> FilePath {
        let relative = FilePath(name)
        guard !relative.isEmpty, relative.isRelative, relative.components.allSatisfy({ $0.kind == .regular }) else {
            throw .badName(name, why: "it is none of a file in \(shown(path))")
        }
        return relative
    }
}
