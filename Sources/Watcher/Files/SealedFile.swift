internal import FileSystem
internal import Glibc
internal import SystemPackage

/// Holds one file open to be judged. It is read by `pread` only, since a mapped file that shrinks is a SIGBUS.
struct SealedFile: ~Copyable {
    private let descriptor: CInt
    let status: stat
    private let buffer: UnsafeMutableRawBufferPointer
    private var bufferStart: Int64 = 0
    private var bufferCount = 0
    /// The first failure to read, after which nothing that was found out of the bytes counts.
    private(set) var failure: Errno?

    var size: Int64 { Int64(status.st_size) }

    /// Opens a regular file, and throws `invalidArgument` for anything else. It never blocks on a FIFO that took the file's place, and
    /// never takes a terminal as the controlling one of the process.
    init(path: String) throws(Errno) {
        let opened = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY)
        guard opened >= 0 else { throw Errno(rawValue: errno) }
        var status = stat()
        guard fstat(opened, &status) == 0 else {
            let code = errno
            close(opened)
            throw Errno(rawValue: code)
        }
        guard status.st_mode & S_IFMT == S_IFREG else {
            close(opened)
            throw .invalidArgument
        }
        descriptor = opened
        self.status = status
        buffer = .allocate(byteCount: 4096, alignment: 16)
    }

    deinit {
        buffer.deallocate()
        close(descriptor)
    }

    /// Returns the bytes at `offset`; nil where the file has not that many, or they cannot be read.
    mutating func bytes(at offset: Int64, count: Int) -> [UInt8]? {
        guard count >= 0, offset >= 0, offset <= size, Int64(count) <= size - offset else { return nil }
        if count > buffer.count {
            var whole = [UInt8](repeating: 0, count: count)
            let read = whole.withUnsafeMutableBytes { fill($0, at: offset) }
            return read == count ? whole : nil
        }
        guard holds(offset, count) else { return nil }
        return Array(buffer[Int(offset - bufferStart)..<(Int(offset - bufferStart) + count)])
    }

    mutating func byte(at offset: Int64) -> UInt8? {
        guard offset >= 0, offset < size, holds(offset, 1) else { return nil }
        return buffer[Int(offset - bufferStart)]
    }

    /// Returns the integer at `offset`, which is little endian, as in all formats of which integers are read here; nil where it is not
    /// there.
    mutating func integer<Value: FixedWidthInteger>(at offset: Int64, as type: Value.Type = Value.self) -> Value? {
        guard offset >= 0, offset <= size - Int64(MemoryLayout<Value>.size), holds(offset, MemoryLayout<Value>.size) else { return nil }
        return Value(littleEndian: buffer.loadUnaligned(fromByteOffset: Int(offset - bufferStart), as: Value.self))
    }

    mutating func has(_ magic: [UInt8], at offset: Int64) -> Bool { bytes(at: offset, count: magic.count) == magic }

    /// Tries for a read lease and gives it back at once.
    func probeLease() -> Settling.Lease {
        switch Disk.isOpenForWriting(FileDescriptor(rawValue: descriptor)) {
        case true?: .denied
        case false?: .granted
        case nil: .unavailable
        }
    }

    private mutating func holds(_ offset: Int64, _ count: Int) -> Bool {
        if offset >= bufferStart, offset + Int64(count) <= bufferStart + Int64(bufferCount) { return true }
        bufferStart = offset
        // It does not read beyond the end as it was: that would only ask the kernel where the end is.
        let expected = UnsafeMutableRawBufferPointer(rebasing: buffer[..<min(buffer.count, Int(size - offset))])
        bufferCount = max(fill(expected, at: offset), 0)
        return bufferCount >= count
    }

    private mutating func fill(_ target: UnsafeMutableRawBufferPointer, at offset: Int64) -> Int {
        var done = 0
        while done < target.count {
            let count = pread(descriptor, target.baseAddress! + done, target.count - done, off_t(offset) + off_t(done))
            if count < 0, errno == EINTR { continue }
            if count < 0, failure == nil { failure = Errno(rawValue: errno) }
            if count <= 0 { break }
            done += count
        }
        return done
    }
}
