package import Arrivals
import Crypto
package import SystemPackage

/// Computes the digest of an open file piece by piece, so that its owner can do something else between two pieces, or stop.
package struct FileHashing {
    private static let bufferSize = 256 << 10

    private let descriptor: FileDescriptor
    private let path: FilePath
    private var hash = SHA256()
    /// The stamp before anything was read.
    package let stamp: FileStamp
    /// The number of bytes read so far.
    package private(set) var offset: Int64 = 0
    /// The bytes read so far; nil unless they are to be kept.
    package private(set) var content: [UInt8]?

    /// Begins to hash a file. Throws `notRegular` where it is not a regular one. The caller keeps the descriptor, whose position does not
    /// move; `path` is for messages.
    /// - Parameter keptBytes: the content of a file that is not larger is kept.
    package init(_ descriptor: FileDescriptor, named path: FilePath, keptBytes: Int64 = 0) throws(FileSystemError) {
        let status = try Disk.status(descriptor, path)
        guard status.kind == .regular else { throw .notRegular(path) }
        // A file that is read in one piece needs no advice.
        if status.stamp.size > Int64(Self.bufferSize) { Disk.willReadOnce(descriptor) }
        self.descriptor = descriptor
        self.path = path
        stamp = status.stamp
        if stamp.size <= keptBytes { content = [] }
    }

    /// Reads about `count` more bytes. Returns nil while there are more, and throws `changedWhileRead` where the stamp after the last byte
    /// differs from that before the first.
    package mutating func advance(by count: Int64) throws(FileSystemError) -> FileDigest.Digested? {
        let room = Int(min(max(stamp.size - offset, 1), Int64(Self.bufferSize)))
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: room, alignment: 4096)
        defer { buffer.deallocate() }
        let start = offset
        // It reads up to the size seen first, because a file that grows without end is a changed file, not an endless read.
        while offset < stamp.size {
            if offset - start >= count { return nil }
            let read = try Disk.read(descriptor, at: offset, into: buffer, path)
            if read == 0 { break }
            hash.update(bufferPointer: UnsafeRawBufferPointer(rebasing: buffer[..<read]))
            content?.append(contentsOf: buffer[..<read])
            offset += Int64(read)
        }
        guard offset == stamp.size, try Disk.status(descriptor, path).stamp == stamp else { throw .changedWhileRead(path) }
        return FileDigest.Digested(digest: FileDigest.hexadecimal(hash.finalize()), stamp: stamp)
    }

    /// Reads the rest and returns the digest.
    package mutating func finish() throws(FileSystemError) -> FileDigest.Digested {
        while true {
            if let digested = try advance(by: .max) { return digested }
        }
    }
}
