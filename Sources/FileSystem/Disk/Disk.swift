import Arrivals
import Glibc
package import SystemPackage

/// Makes system calls on files and folders, each with an error that names the path. Nothing here follows a symbolic link in the last
/// component unless its comment says so.
package enum Disk {
    // MARK: Looking

    /// Returns the status of what has that name; nil when nothing is there.
    package static func status(_ path: FilePath) throws(FileSystemError) -> FileStatus? {
        var raw = Glibc.stat()
        let failure = perform(.look(path)) { path.withPlatformString { lstat($0, &raw) } }
        guard let failure else { return FileStatus(raw) }
        if failure == .noSuchFileOrDirectory || failure == .notDirectory { return nil }
        throw error("look at", path, failure)
    }

    package static func status(_ descriptor: FileDescriptor, _ path: FilePath) throws(FileSystemError) -> FileStatus {
        var raw = Glibc.stat()
        if let failure = failure({ fstat(descriptor.rawValue, &raw) }) { throw error("look at", path, failure) }
        return FileStatus(raw)
    }

    package static func isDirectory(_ path: FilePath) -> Bool {
        var raw = Glibc.stat()
        return path.withPlatformString { stat($0, &raw) } == 0 && FileStatus(raw).kind == .directory
    }

    /// Returns the absolute path without symbolic links.
    package static func resolve(_ path: FilePath) throws(FileSystemError) -> FilePath {
        guard let resolved = path.withPlatformString({ realpath($0, nil) }) else {
            throw error("resolve", path, Errno(rawValue: errno))
        }
        defer { free(resolved) }
        return FilePath(platformString: resolved)
    }

    /// Identifies a mount. Paths on the same mount can be renamed into each other: a bind mount has the device of its source but is
    /// another mount, a Btrfs subvolume is the same mount with another device.
    package struct Mount: Hashable, Sendable {
        package let device: Int64
        package let number: String
    }

    /// Returns the mount that a folder is on, and follows symbolic links. It is known by the kernel's number for it, from `/proc`.
    package static func mount(of directory: FilePath) throws(FileSystemError) -> Mount {
        let descriptor = try open(directory, .readOnly, .directory, doing: "look at")
        defer { close(descriptor) }
        return Mount(device: try status(descriptor, directory).stamp.device, number: mountNumber(descriptor))
    }

    private static func mountNumber(_ descriptor: FileDescriptor) -> String {
        let path = FilePath("/proc/self/fdinfo/\(descriptor.rawValue)")
        guard let info = try? open(path, .readOnly, doing: "read") else { return "" }
        defer { close(info) }
        var bytes = [UInt8](repeating: 0, count: 4096)
        guard let count = try? read(info, at: 0, into: &bytes, 0..<4096, path) else { return "" }
        let lines = String(decoding: bytes[..<count], as: UTF8.self).split(separator: "\n")
        return lines.first { $0.hasPrefix("mnt_id:") }.map(String.init) ?? ""
    }

    /// Returns how many bytes of the disk a file, or everything in a directory, takes; 0 for what is not there.
    package static func allocatedBytes(_ path: FilePath) -> Int64 {
        var raw = Glibc.stat()
        guard path.withPlatformString({ lstat($0, &raw) }) == 0 else { return 0 }
        let inside = FileStatus(raw).kind == .directory ? (try? names(in: path)) ?? [] : []
        return inside.reduce(Int64(raw.st_blocks) * 512) { $0 + allocatedBytes(path.appending($1)) }
    }

    /// Returns the size of the file system that the file is on, in bytes; nil where the file system does not tell it.
    package static func capacity(_ descriptor: FileDescriptor) -> Int64? {
        var raw = statvfs()
        guard fstatvfs(descriptor.rawValue, &raw) == 0, raw.f_blocks > 0 else { return nil }
        return Int64(clamping: raw.f_blocks) * Int64(clamping: raw.f_frsize)
    }

    /// Returns the size of the file that `path` leads to, in bytes; 0 where there is none.
    package static func byteCount(_ path: String) -> Int {
        var raw = Glibc.stat()
        return stat(path, &raw) == 0 ? Int(raw.st_size) : 0
    }

    // MARK: Open files

    package static func open(
        _ path: FilePath, _ mode: FileDescriptor.AccessMode, _ options: FileDescriptor.OpenOptions = [], doing: String
    ) throws(FileSystemError) -> FileDescriptor {
        do {
            return try FileDescriptor.open(
                path, mode, options: options.union(.closeOnExec), permissions: FilePermissions(rawValue: 0o666))
        } catch let failure as Errno {
            throw error(doing, path, failure)
        } catch {
            throw .system(doing: doing, path: path, errno: .ioError)
        }
    }

    /// Returns another descriptor of the same open file, which the caller closes.
    package static func duplicate(_ descriptor: FileDescriptor, _ path: FilePath) throws(FileSystemError) -> FileDescriptor {
        let copy = fcntl(descriptor.rawValue, F_DUPFD_CLOEXEC, 3)
        guard copy >= 0 else { throw error("read", path, Errno(rawValue: errno)) }
        return FileDescriptor(rawValue: copy)
    }

    /// Returns a file in memory that has these bytes and no name; the caller closes it.
    /// - Parameter path: of the file that the bytes are from, for messages.
    package static func nameless(_ bytes: [UInt8], _ path: FilePath) throws(FileSystemError) -> FileDescriptor {
        let file = LinuxCalls.namelessFile("input")
        guard file >= 0 else { throw error("read", path, Errno(rawValue: errno)) }
        let descriptor = FileDescriptor(rawValue: file)
        do throws(FileSystemError) { try write(bytes, to: descriptor, path) } catch {
            close(descriptor)
            throw error
        }
        return descriptor
    }

    package static func close(_ descriptor: FileDescriptor) {
        _ = Glibc.close(descriptor.rawValue)
    }

    package static func read(
        _ descriptor: FileDescriptor, at offset: Int64, into buffer: UnsafeMutableRawBufferPointer, _ path: FilePath
    ) throws(FileSystemError) -> Int {
        while true {
            let count = pread(descriptor.rawValue, buffer.baseAddress, buffer.count, off_t(offset))
            if count >= 0 { return count }
            let failure = Errno(rawValue: errno)
            if failure != .interrupted { throw error("read", path, failure) }
        }
    }

    package static func write(_ bytes: UnsafeRawBufferPointer, to descriptor: FileDescriptor, _ path: FilePath) throws(FileSystemError) {
        if let refusal = DiskObservers.refusal(of: .write(path)) { throw error("write", path, refusal) }
        var done = 0
        while done < bytes.count {
            let count = Glibc.write(descriptor.rawValue, bytes.baseAddress! + done, bytes.count - done)
            if count >= 0 {
                done += count
                continue
            }
            let failure = Errno(rawValue: errno)
            if failure != .interrupted { throw error("write", path, failure) }
        }
    }

    /// Writes one byte in place.
    package static func write(_ byte: UInt8, to descriptor: FileDescriptor, at offset: Int64, _ path: FilePath) throws(FileSystemError) {
        if let refusal = DiskObservers.refusal(of: .write(path)) { throw error("write", path, refusal) }
        var byte = byte
        if let failure = failure({ pwrite(descriptor.rawValue, &byte, 1, off_t(offset)) == 1 ? 0 : -1 }) {
            throw error("write", path, failure)
        }
    }

    /// Writes bytes in place.
    package static func write(
        _ bytes: [UInt8], to descriptor: FileDescriptor, at offset: Int64, _ path: FilePath
    ) throws(FileSystemError) {
        if let refusal = DiskObservers.refusal(of: .write(path)) { throw error("write", path, refusal) }
        var done = 0
        while done < bytes.count {
            let count = bytes.withUnsafeBytes {
                pwrite(descriptor.rawValue, $0.baseAddress! + done, bytes.count - done, off_t(offset) + off_t(done))
            }
            if count >= 0 {
                done += count
                continue
            }
            let failure = Errno(rawValue: errno)
            if failure != .interrupted { throw error("write", path, failure) }
        }
    }

    /// Fills `bytes[range]`; returns how many bytes it read.
    package static func read(
        _ descriptor: FileDescriptor, at offset: Int64, into bytes: inout [UInt8], _ range: Range<Int>, _ path: FilePath
    ) throws(FileSystemError) -> Int {
        try bytes.withUnsafeMutableBytes { buffer in
            Result { () throws(FileSystemError) in
                try read(descriptor, at: offset, into: UnsafeMutableRawBufferPointer(rebasing: buffer[range]), path)
            }
        }.get()
    }

    package static func write(_ bytes: [UInt8], to descriptor: FileDescriptor, _ path: FilePath) throws(FileSystemError) {
        try bytes.withUnsafeBytes { buffer in
            Result { () throws(FileSystemError) in try write(buffer, to: descriptor, path) }
        }.get()
    }

    package static func truncate(_ descriptor: FileDescriptor, to size: Int64, _ path: FilePath) throws(FileSystemError) {
        if let failure = failure({ ftruncate(descriptor.rawValue, off_t(size)) }) { throw error("truncate", path, failure) }
    }

    /// Takes the exclusive `flock`, which ends when the descriptor is closed, and returns true, unless another descriptor has it. On a file
    /// system without locks it returns true without one.
    package static func tryLock(_ descriptor: FileDescriptor) -> Bool {
        failure { flock(descriptor.rawValue, LOCK_EX | LOCK_NB) } != .wouldBlock
    }

    package static func willReadOnce(_ descriptor: FileDescriptor) {
        _ = posix_fadvise(descriptor.rawValue, 0, 0, POSIX_FADV_SEQUENTIAL)
    }

    package static func willNotReadAgain(_ descriptor: FileDescriptor) {
        _ = posix_fadvise(descriptor.rawValue, 0, 0, POSIX_FADV_DONTNEED)
    }

    /// Returns whether someone has the file open for writing: then a read lease (`F_SETLEASE` of fcntl(2)) is refused with EAGAIN. Returns
    /// nil where the kernel does not tell, as on network file systems or without the right to take leases (which only the owner has).
    package static func isOpenForWriting(_ descriptor: FileDescriptor) -> Bool? {
        // A lease broken meanwhile sends SIGIO, whose default ends the process; SIGURG is ignored by default.
        _ = fcntl(descriptor.rawValue, LinuxCalls.setSignal, SIGURG)
        if fcntl(descriptor.rawValue, LinuxCalls.setLease, Int32(F_RDLCK)) == 0 {
            _ = fcntl(descriptor.rawValue, LinuxCalls.setLease, Int32(F_UNLCK))
            return false
        }
        return errno == EAGAIN ? true : nil
    }

    // MARK: Errors

    package static func error(_ doing: String, _ path: FilePath, _ errno: Errno) -> FileSystemError {
        switch errno {
        case .noSpace, .diskQuotaExceeded: .noSpace(doing: doing, path: path)
        case .noSuchFileOrDirectory where doing == "read" || doing == "make durable": .missing(path)
        default: .system(doing: doing, path: path, errno: errno)
        }
    }

    /// Tells the observers of the act, then makes the call. Returns nil when it is done, else the reason why it is not.
    static func perform(_ act: @autoclosure () -> DiskAct, _ call: () -> Int32) -> Errno? {
        DiskObservers.refusal(of: act()) ?? failure(call)
    }

    static func failure(_ call: () -> Int32) -> Errno? {
        while call() != 0 {
            let failure = Errno(rawValue: errno)
            if failure != .interrupted { return failure }
        }
        return nil
    }
}
