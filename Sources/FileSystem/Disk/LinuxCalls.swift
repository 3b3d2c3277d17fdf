package import Glibc
package import SystemPackage

/// Offers calls and constants that glibc declares only under `_GNU_SOURCE`, which Swift's Glibc module does not set. Each call is looked up
/// by name once. A C library without one of them behaves as a kernel without it.
package enum LinuxCalls {
    static let renameNoReplace: UInt32 = 1
    static let syncFileRangeWrite: UInt32 = 2
    static let setSignal: Int32 = 10  // F_SETSIG
    static let setLease: Int32 = 1024  // F_SETLEASE

    static func renameat2(
        _ from: UnsafePointer<CChar>, _ to: UnsafePointer<CChar>, _ flags: UInt32, from fromFolder: Int32 = AT_FDCWD,
        to toFolder: Int32 = AT_FDCWD
    ) -> Int32 {
        guard let call = renameat2Call else { return unsupported() }
        return call(fromFolder, from, toFolder, to, flags)
    }

    /// Calls `FICLONE`, which lets the target share the blocks of the source.
    static func cloneFile(_ source: Int32, _ target: Int32) -> Int32 { ioctl(target, 0x4004_9409, source) }

    static func syncfs(_ descriptor: Int32) -> Int32 {
        guard let call = syncfsCall else { return unsupported() }
        return call(descriptor)
    }

    static func syncFileRange(_ descriptor: Int32, _ flags: UInt32) -> Int32 {
        guard let call = syncFileRangeCall else { return unsupported() }
        return call(descriptor, 0, 0, flags)
    }

    /// Sets an extended attribute. Does nothing where the file system has no such attributes, or no room for them.
    package static func setAttribute(_ path: FilePath, _ name: String, _ value: Substring) {
        var value = String(value)
        _ = path.withPlatformString { path in value.withUTF8 { setxattrCall?(path, name, $0.baseAddress, $0.count, 0) } }
    }

    /// Returns the text of an extended attribute; nil where the file has none, or one of more than 256 bytes.
    package static func attribute(_ path: FilePath, _ name: String) -> String? {
        var bytes = [UInt8](repeating: 0, count: 256)
        let count = path.withPlatformString { getxattrCall?($0, name, &bytes, bytes.count) } ?? -1
        return count < 0 ? nil : String(decoding: bytes[..<count], as: UTF8.self)
    }

    /// Makes a file in memory that has no name, for appending. It is gone with its last descriptor, which exec closes.
    /// - Returns: its descriptor; -1 where that fails.
    package static func namelessFile(_ label: String) -> Int32 {
        let closeOnExec: UInt32 = 1  // MFD_CLOEXEC
        let descriptor = memfdCreateCall?(label, closeOnExec) ?? -1
        if descriptor >= 0 { _ = fcntl(descriptor, F_SETFL, O_APPEND) }
        return descriptor
    }

    /// Makes a process that is spawned inherit no descriptor from `first` on.
    package static func closeDescriptors(from first: Int32, in actions: inout posix_spawn_file_actions_t) {
        _ = addClosefromCall?(&actions, first)
    }

    // MARK: Locks of bytes

    /// Locks one byte of an open file. The lock belongs to the open file, not to the process: it goes with its last descriptor.
    /// - Returns: whether nobody else has it.
    package static func lockByte(_ byte: Int, of file: FileDescriptor) -> Bool { lock(byte, file, F_WRLCK, setOpenFileLock) != nil }

    package static func unlockByte(_ byte: Int, of file: FileDescriptor) { _ = lock(byte, file, F_UNLCK, setOpenFileLock) }

    /// Returns whether another open file has the lock.
    package static func isByteLocked(_ byte: Int, of file: FileDescriptor) -> Bool {
        lock(byte, file, F_WRLCK, getOpenFileLock).map { $0.l_type != Int16(F_UNLCK) } ?? false
    }

    private static let getOpenFileLock: Int32 = 36  // F_OFD_GETLK
    private static let setOpenFileLock: Int32 = 37  // F_OFD_SETLK

    private static func lock(_ byte: Int, _ file: FileDescriptor, _ kind: Int32, _ command: Int32) -> flock? {
        var request = flock()
        request.l_type = Int16(kind)
        request.l_whence = Int16(SEEK_SET)
        request.l_start = off_t(byte)
        request.l_len = 1
        return fcntl(file.rawValue, command, &request) == 0 ? request : nil
    }

    /// Gives the calling thread a name of at most 15 bytes, which shows in `top -H` and `perf`; Foundation's own stays inside the process.
    package static func nameThread(_ name: String) {
        _ = setNameCall?(pthread_self(), String(decoding: name.utf8.prefix(15), as: UTF8.self))
    }

    /// Gives memory that was freed back to the system.
    package static func trimHeap() { _ = mallocTrimCall?(0) }

    private typealias SetName = @convention(c) (pthread_t, UnsafePointer<CChar>) -> Int32
    private typealias MallocTrim = @convention(c) (Int) -> Int32
    private typealias AddClosefrom = @convention(c) (UnsafeMutablePointer<posix_spawn_file_actions_t>, Int32) -> Int32
    private typealias MemfdCreate = @convention(c) (UnsafePointer<CChar>, UInt32) -> Int32
    private typealias Setxattr = @convention(c) (UnsafePointer<CChar>, UnsafePointer<CChar>, UnsafeRawPointer?, Int, Int32) -> Int32
    private typealias Getxattr = @convention(c) (UnsafePointer<CChar>, UnsafePointer<CChar>, UnsafeMutableRawPointer?, Int) -> Int
    private typealias Renameat2 = @convention(c) (Int32, UnsafePointer<CChar>, Int32, UnsafePointer<CChar>, UInt32) -> Int32
    private typealias Syncfs = @convention(c) (Int32) -> Int32
    private typealias SyncFileRange = @convention(c) (Int32, Int64, Int64, UInt32) -> Int32

    private static let renameat2Call = dlsym(nil, "renameat2").map { unsafeBitCast($0, to: Renameat2.self) }
    private static let syncfsCall = dlsym(nil, "syncfs").map { unsafeBitCast($0, to: Syncfs.self) }
    private static let syncFileRangeCall = dlsym(nil, "sync_file_range").map { unsafeBitCast($0, to: SyncFileRange.self) }

    private static let setNameCall = dlsym(nil, "pthread_setname_np").map { unsafeBitCast($0, to: SetName.self) }
    private static let mallocTrimCall = dlsym(nil, "malloc_trim").map { unsafeBitCast($0, to: MallocTrim.self) }
    private static let addClosefromCall = dlsym(nil, "posix_spawn_file_actions_addclosefrom_np")
        .map { unsafeBitCast($0, to: AddClosefrom.self) }
    private static let memfdCreateCall = dlsym(nil, "memfd_create").map { unsafeBitCast($0, to: MemfdCreate.self) }
    private static let setxattrCall = dlsym(nil, "setxattr").map { unsafeBitCast($0, to: Setxattr.self) }
    private static let getxattrCall = dlsym(nil, "getxattr").map { unsafeBitCast($0, to: Getxattr.self) }

    private static func unsupported() -> Int32 {
        errno = ENOSYS
        return -1
    }
}
