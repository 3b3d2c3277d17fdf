import Arrivals
import Glibc
import SystemPackage

/// Every system call of this module, each with an error that names the path. Nothing here follows a symbolic link in the last
/// component unless it says so.
enum Disk {
    // MARK: Looking

    /// Nil when nothing is there.
    static func status(_ path: FilePath) throws(LandingError) -> FileStatus? {
        var raw = Glibc.stat()
        let failure = perform(.look(path)) { path.withPlatformString { lstat($0, &raw) } }
        guard let failure else { return FileStatus(raw) }
        if failure == .noSuchFileOrDirectory || failure == .notDirectory { return nil }
        throw error("look at", path, failure)
    }

    static func status(_ descriptor: FileDescriptor, _ path: FilePath) throws(LandingError) -> FileStatus {
        var raw = Glibc.stat()
        if let failure = failure({ fstat(descriptor.rawValue, &raw) }) { throw error("look at", path, failure) }
        return FileStatus(raw)
    }

    static func isDirectory(_ path: FilePath) -> Bool {
        var raw = Glibc.stat()
        return path.withPlatformString { stat($0, &raw) } == 0 && FileStatus(raw).kind == .directory
    }

    /// Absolute, without symbolic links.
    static func resolve(_ path: FilePath) throws(LandingError) -> FilePath {
        guard let resolved = path.withPlatformString({ realpath($0, nil) }) else {
            throw error("resolve", path, Errno(rawValue: errno))
        }
        defer { free(resolved) }
        return FilePath(platformString: resolved)
    }

    /// Two paths with the same place can be renamed into each other: a bind mount has the device of its source but is another mount,
    /// a Btrfs subvolume is the same mount with another device.
    struct Place: Hashable {
        let device: Int64
        let mount: String
    }

    /// Follows symbolic links. The mount is known by the kernel's number for it, from `/proc`.
    static func place(_ directory: FilePath) throws(LandingError) -> Place {
        let descriptor = try open(directory, .readOnly, .directory, doing: "look at")
        defer { close(descriptor) }
        return Place(device: try status(descriptor, directory).stamp.device, mount: mountNumber(descriptor))
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

    /// Names in no order, without `.` and `..`; empty when there is no such directory.
    /// Looks at the first `limit` names; links are no folders.
    static func subfolders(of directory: FilePath, atMost limit: Int) throws(LandingError) -> (folders: [FilePath.Component], looked: Int) {
        guard let stream = directory.withPlatformString({ opendir($0) }) else { throw error("list", directory, Errno(rawValue: errno)) }
        defer { closedir(stream) }
        var folders: [FilePath.Component] = []
        var looked = 0
        while looked < limit, let entry = readdir(stream) {
            looked += 1
            let kind = Int32(entry.pointee.d_type)
            guard kind == Int32(DT_DIR) || kind == Int32(DT_UNKNOWN) else { continue }
            let name = withUnsafePointer(to: &entry.pointee.d_name) {
                $0.withMemoryRebound(to: CChar.self, capacity: 256) { FilePath.Component(platformString: $0) }
            }
            guard let name, name.kind == .regular else { continue }
            if kind == Int32(DT_UNKNOWN), try status(directory.appending(name))?.kind != .directory { continue }
            folders.append(name)
        }
        return (folders, looked)
    }

    static func names(in directory: FilePath) throws(LandingError) -> [FilePath.Component] {
        guard let stream = directory.withPlatformString({ opendir($0) }) else {
            let failure = Errno(rawValue: errno)
            if failure == .noSuchFileOrDirectory { return [] }
            throw error("list", directory, failure)
        }
        defer { closedir(stream) }
        var names: [FilePath.Component] = []
        while let entry = readdir(stream) {
            let name = withUnsafePointer(to: &entry.pointee.d_name) {
                $0.withMemoryRebound(to: CChar.self, capacity: 256) { FilePath.Component(platformString: $0) }
            }
            if let name, name.kind == .regular { names.append(name) }
        }
        return names
    }

    /// Returns whether the directory holds nothing, or is not there. One that cannot be read is taken to hold something.
    static func isEmpty(directory: FilePath) -> Bool {
        guard let stream = directory.withPlatformString({ opendir($0) }) else { return Errno(rawValue: errno) == .noSuchFileOrDirectory }
        defer { closedir(stream) }
        while let entry = readdir(stream) {
            let name = entry.pointee.d_name
            let isDot = name.0 == 0x2E && (name.1 == 0 || name.1 == 0x2E && name.2 == 0)
            if !isDot { return false }
        }
        return true
    }

    /// Returns how many bytes of the disk a file, or everything in a directory, takes; 0 for what is not there.
    static func allocatedBytes(_ path: FilePath) -> Int64 {
        var raw = Glibc.stat()
        guard path.withPlatformString({ lstat($0, &raw) }) == 0 else { return 0 }
        let inside = FileStatus(raw).kind == .directory ? (try? names(in: path)) ?? [] : []
        return inside.reduce(Int64(raw.st_blocks) * 512) { $0 + allocatedBytes(path.appending($1)) }
    }

    /// Returns the size of the file system that the file is on, in bytes; nil where it tells none.
    static func capacity(_ descriptor: FileDescriptor) -> Int64? {
        var raw = statvfs()
        guard fstatvfs(descriptor.rawValue, &raw) == 0, raw.f_blocks > 0 else { return nil }
        return Int64(clamping: raw.f_blocks) * Int64(clamping: raw.f_frsize)
    }

    // MARK: Open files

    static func open(
        _ path: FilePath, _ mode: FileDescriptor.AccessMode, _ options: FileDescriptor.OpenOptions = [], doing: String
    ) throws(LandingError) -> FileDescriptor {
        do {
            return try FileDescriptor.open(
                path, mode, options: options.union(.closeOnExec), permissions: FilePermissions(rawValue: 0o666))
        } catch let failure as Errno {
            throw error(doing, path, failure)
        } catch {
            throw .system(doing: doing, path: path, errno: .ioError)
        }
    }

    static func close(_ descriptor: FileDescriptor) {
        _ = Glibc.close(descriptor.rawValue)
    }

    static func read(
        _ descriptor: FileDescriptor, at offset: Int64, into buffer: UnsafeMutableRawBufferPointer, _ path: FilePath
    ) throws(LandingError) -> Int {
        while true {
            let count = pread(descriptor.rawValue, buffer.baseAddress, buffer.count, off_t(offset))
            if count >= 0 { return count }
            let failure = Errno(rawValue: errno)
            if failure != .interrupted { throw error("read", path, failure) }
        }
    }

    static func write(_ bytes: UnsafeRawBufferPointer, to descriptor: FileDescriptor, _ path: FilePath) throws(LandingError) {
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

    /// Fills `bytes[range]`; returns how many came.
    static func read(
        _ descriptor: FileDescriptor, at offset: Int64, into bytes: inout [UInt8], _ range: Range<Int>, _ path: FilePath
    ) throws(LandingError) -> Int {
        try bytes.withUnsafeMutableBytes { buffer in
            Result { () throws(LandingError) in
                try read(descriptor, at: offset, into: UnsafeMutableRawBufferPointer(rebasing: buffer[range]), path)
            }
        }.get()
    }

    static func write(_ bytes: [UInt8], to descriptor: FileDescriptor, _ path: FilePath) throws(LandingError) {
        try bytes.withUnsafeBytes { buffer in
            Result { () throws(LandingError) in try write(buffer, to: descriptor, path) }
        }.get()
    }

    static func truncate(_ descriptor: FileDescriptor, to size: Int64, _ path: FilePath) throws(LandingError) {
        if let failure = failure({ ftruncate(descriptor.rawValue, off_t(size)) }) { throw error("truncate", path, failure) }
    }

    /// Waits for the exclusive `flock`; closing the descriptor lets it go. A file system without locks is used without.
    static func lock(_ descriptor: FileDescriptor) {
        _ = failure { flock(descriptor.rawValue, LOCK_EX) }
    }

    static func willReadOnce(_ descriptor: FileDescriptor) {
        _ = posix_fadvise(descriptor.rawValue, 0, 0, POSIX_FADV_SEQUENTIAL)
    }

    static func willNotReadAgain(_ descriptor: FileDescriptor) {
        _ = posix_fadvise(descriptor.rawValue, 0, 0, POSIX_FADV_DONTNEED)
    }

    /// True only when the kernel says that someone has the file open for writing: a read lease is refused with EAGAIN then. Without the
    /// right to take leases (not the owner, network file systems) the answer is false.
    static func isOpenForWriting(_ descriptor: FileDescriptor) -> Bool {
        // A lease broken meanwhile sends SIGIO, whose default ends the process; SIGURG is ignored by default.
        _ = fcntl(descriptor.rawValue, LinuxCalls.setSignal, SIGURG)
        if fcntl(descriptor.rawValue, LinuxCalls.setLease, Int32(F_RDLCK)) == 0 {
            _ = fcntl(descriptor.rawValue, LinuxCalls.setLease, Int32(F_UNLCK))
            return false
        }
        return errno == EAGAIN
    }

    // MARK: Durability

    static func sync(_ descriptor: FileDescriptor, _ path: FilePath) throws(LandingError) {
        if let failure = perform(.sync(path), { fsync(descriptor.rawValue) }) { throw error("make durable", path, failure) }
    }

    static func sync(file path: FilePath) throws(LandingError) {
        let descriptor = try open(path, .readOnly, .noFollow, doing: "make durable")
        defer { close(descriptor) }
        try sync(descriptor, path)
    }

    static func sync(directory path: FilePath) throws(LandingError) {
        let descriptor = try open(path, .readOnly, .directory, doing: "make durable")
        defer { close(descriptor) }
        // Some FUSE and network file systems have no fsync for directories; there is nothing more to do there.
        if let failure = perform(.sync(path), { fsync(descriptor.rawValue) }), failure != .invalidArgument, failure != .notSupported {
            throw error("make durable", path, failure)
        }
    }

    /// Starts writing the file's pages out without waiting, so that the waits of several files overlap. What comes of it shows when it is
    /// synced.
    static func startWriteback(_ path: FilePath) {
        guard let descriptor = try? open(path, .readOnly, .noFollow, doing: "make durable") else { return }
        defer { close(descriptor) }
        startWriteback(descriptor)
    }

    static func startWriteback(_ descriptor: FileDescriptor) {
        _ = LinuxCalls.syncFileRange(descriptor.rawValue, LinuxCalls.syncFileRangeWrite)
    }

    /// Everything dirty on the file system of `descriptor`. Reports write-back errors since the descriptor was opened, of any file there.
    static func syncFileSystem(_ descriptor: FileDescriptor, _ path: FilePath) throws(LandingError) {
        if let failure = perform(.syncFileSystem(path), { LinuxCalls.syncfs(descriptor.rawValue) }) {
            throw error("make durable what is staged in", path, failure)
        }
    }

    // MARK: Names

    /// Nil when done, else why not.
    static func renameKeeping(_ from: FilePath, _ to: FilePath) -> Errno? {
        perform(.rename(from, to: to)) {
            from.withPlatformString { from in to.withPlatformString { to in LinuxCalls.renameat2(from, to, LinuxCalls.renameNoReplace) } }
        }
    }

    static func renameReplacing(_ from: FilePath, _ to: FilePath) -> Errno? {
        perform(.rename(from, to: to)) { from.withPlatformString { from in to.withPlatformString { to in rename(from, to) } } }
    }

    static func link(_ from: FilePath, _ to: FilePath) -> Errno? {
        perform(.link(from, to: to)) { from.withPlatformString { from in to.withPlatformString { to in Glibc.link(from, to) } } }
    }

    /// Never replaces; where only `link` can promise that, by `link` and `unlink`.
    static func moveFile(_ from: FilePath, _ to: FilePath) -> Errno? {
        switch renameKeeping(from, to) {
        case .invalidArgument?, .noFunction?, .notSupported?:
            if let failure = link(from, to) { return failure }
            return failure { from.withPlatformString { unlink($0) } }
        case let failure: return failure
        }
    }

    /// A plain rename replaces an empty directory at most.
    static func moveDirectory(_ from: FilePath, _ to: FilePath) -> Errno? {
        switch renameKeeping(from, to) {
        case .invalidArgument?, .noFunction?, .notSupported?: renameReplacing(from, to)
        case let failure: failure
        }
    }

    /// A new file with the bytes of another, durable.
    static func copy(_ from: FilePath, to: FilePath) throws(LandingError) {
        let source = try open(from, .readOnly, .noFollow, doing: "read")
        defer { close(source) }
        try copy(source, from, to: to)
    }

    /// - Parameter from: the path of the open file, for messages.
    static func copy(_ source: FileDescriptor, _ from: FilePath, to: FilePath) throws(LandingError) {
        try DiskRoom.check(status(source, from).stamp.size, at: to)
        let copy = try open(to, .writeOnly, [.create, .exclusiveCreate, .noFollow], doing: "write")
        defer { close(copy) }
        willReadOnce(source)
        var buffer = [UInt8](repeating: 0, count: 1 << 20)
        var offset: Int64 = 0
        while true {
            let count = try read(source, at: offset, into: &buffer, 0..<buffer.count, from)
            if count == 0 { break }
            try write(count == buffer.count ? buffer : Array(buffer[..<count]), to: copy, to)
            offset += Int64(count)
        }
        try sync(copy, to)
        willNotReadAgain(source)
    }

    /// Removing what is not there is no error.
    static func remove(_ path: FilePath) throws(LandingError) {
        if let failure = failure({ path.withPlatformString { unlink($0) } }), failure != .noSuchFileOrDirectory {
            throw error("remove", path, failure)
        }
    }

    static func removeTree(_ path: FilePath) throws(LandingError) {
        guard let status = try status(path) else { return }
        guard status.kind == .directory else { return try remove(path) }
        for name in try names(in: path) { try removeTree(path.appending(name)) }
        if let failure = failure({ path.withPlatformString { rmdir($0) } }), failure != .noSuchFileOrDirectory {
            throw error("remove", path, failure)
        }
    }

    /// Makes the directory and those above it; returns the directories that got a new entry, which are to be synced. Without a `grant` the
    /// umask decides who may enter them.
    @discardableResult
    static func makeDirectories(_ path: FilePath, _ grant: FolderGrant? = nil) throws(LandingError) -> [FilePath] {
        switch failure({ path.withPlatformString { mkdir($0, 0o777) } }) {
        case nil:
            if let grant { try Disk.grant(grant.access(of: path), folder: path) }
            return [path.removingLastComponent()]
        case .fileExists?:
            if isDirectory(path) { return [] }
            throw .system(doing: "make the directory", path: path, errno: .notDirectory)
        case .noSuchFileOrDirectory? where !path.removingLastComponent().isEmpty:
            let above = try makeDirectories(path.removingLastComponent(), grant)
            return above + (try makeDirectories(path, grant))
        case let failure?:
            throw error("make the directory", path, failure)
        }
    }

    // MARK: Errors

    static func error(_ doing: String, _ path: FilePath, _ errno: Errno) -> LandingError {
        switch errno {
        case .noSpace, .diskQuotaExceeded: .noSpace(doing: doing, path: path)
        case .noSuchFileOrDirectory where doing == "read" || doing == "make durable": .missing(path)
        default: .system(doing: doing, path: path, errno: errno)
        }
    }

    /// Tells those who observe, then does it.
    private static func perform(_ act: @autoclosure () -> DiskAct, _ call: () -> Int32) -> Errno? {
        DiskObservers.refusal(of: act()) ?? failure(call)
    }

    private static func failure(_ call: () -> Int32) -> Errno? {
        while call() != 0 {
            let failure = Errno(rawValue: errno)
            if failure != .interrupted { return failure }
        }
        return nil
    }
}

extension FileStatus {
    init(_ raw: Glibc.stat) {
        switch raw.st_mode & S_IFMT {
        case S_IFREG: kind = .regular
        case S_IFDIR: kind = .directory
        case S_IFLNK: kind = .link
        default: kind = .other
        }
        stamp = FileStamp(raw)
        modified = Int64(raw.st_mtim.tv_sec) * 1_000_000_000 + Int64(raw.st_mtim.tv_nsec)
        linkCount = Int(raw.st_nlink)
        mode = UInt16(raw.st_mode & 0o7777)
    }
}
