import Glibc
package import SystemPackage

extension Disk {
    package static func sync(_ descriptor: FileDescriptor, _ path: FilePath) throws(FileSystemError) {
        if let failure = perform(.sync(path), { fsync(descriptor.rawValue) }) { throw error("make durable", path, failure) }
    }

    package static func sync(file path: FilePath) throws(FileSystemError) {
        let descriptor = try open(path, .readOnly, .noFollow, doing: "make durable")
        defer { close(descriptor) }
        try sync(descriptor, path)
    }

    package static func sync(directory path: FilePath) throws(FileSystemError) {
        let descriptor = try open(path, .readOnly, .directory, doing: "make durable")
        defer { close(descriptor) }
        try sync(directory: descriptor, path)
    }

    static func sync(directory descriptor: FileDescriptor, _ path: FilePath) throws(FileSystemError) {
        // Some FUSE and network file systems have no fsync for directories; there is nothing more to do there.
        if let failure = perform(.sync(path), { fsync(descriptor.rawValue) }), failure != .invalidArgument, failure != .notSupported {
            throw error("make durable", path, failure)
        }
    }

    /// Starts to write the file's pages out without waiting, so that the waits of several files overlap. An error shows when the file is
    /// synced.
    package static func startWriteback(_ path: FilePath) {
        guard let descriptor = try? open(path, .readOnly, .noFollow, doing: "make durable") else { return }
        defer { close(descriptor) }
        startWriteback(descriptor)
    }

    package static func startWriteback(_ descriptor: FileDescriptor) {
        _ = LinuxCalls.syncFileRange(descriptor.rawValue, LinuxCalls.syncFileRangeWrite)
    }

    /// Syncs everything on the file system of `descriptor`. Reports write-back errors since the descriptor was opened, of any file there.
    package static func syncFileSystem(_ descriptor: FileDescriptor, _ path: FilePath) throws(FileSystemError) {
        if let failure = perform(.syncFileSystem(path), { LinuxCalls.syncfs(descriptor.rawValue) }) {
            throw error("make durable what is staged in", path, failure)
        }
    }
}
