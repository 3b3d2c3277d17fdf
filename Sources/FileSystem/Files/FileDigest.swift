package import Arrivals
package import Crypto
package import SystemPackage

/// Computes SHA-256 as lower-case hexadecimal text, in constant memory.
package enum FileDigest {
    package struct Digested: Hashable, Sendable {
        package let digest: String
        package let stamp: FileStamp

        package init(digest: String, stamp: FileStamp) {
            self.digest = digest
            self.stamp = stamp
        }
    }

    /// Returns the digest of bytes. Copies them only where they do not lie in one piece.
    package static func of(bytes: some Sequence<UInt8>) -> String {
        let inPlace = bytes.withContiguousStorageIfAvailable { hexadecimal(SHA256.hash(data: UnsafeRawBufferPointer($0))) }
        return inPlace ?? Array(bytes).withUnsafeBytes { hexadecimal(SHA256.hash(data: $0)) }
    }

    /// Returns the digest of a regular file, and follows symbolic links. Throws `notRegular` for anything else, and `changedWhileRead` when
    /// the stamp after the reading differs from the one before it.
    package static func of(_ path: FilePath) throws(FileSystemError) -> Digested {
        // The file is opened without blocking, so that opening a FIFO returns.
        let descriptor = try Disk.open(path, .readOnly, .nonBlocking, doing: "read")
        defer { Disk.close(descriptor) }
        return try of(descriptor, named: path)
    }

    /// Opens a regular file for its content to be read; the caller closes it. Follows symbolic links.
    package static func open(_ path: FilePath) throws(FileSystemError) -> FileDescriptor {
        try Disk.open(path, .readOnly, .nonBlocking, doing: "read")
    }

    /// Returns the stamp of an open file, which must be a regular one; `path` is for messages.
    package static func stamp(of descriptor: FileDescriptor, named path: FilePath) throws(FileSystemError) -> FileStamp {
        let status = try Disk.status(descriptor, path)
        guard status.kind == .regular else { throw .notRegular(path) }
        return status.stamp
    }

    /// Returns the digest of an open file that was just written and is to be made durable. The pages of a large file start on their way to
    /// the disk meanwhile; those of a small one are written faster by the sync. A very large file is durable on return: otherwise whoever
    /// publishes it, and all that others have to publish, would wait for its sync.
    /// - Parameter appended: what was hashed while it was written; the file is read where that is not all of it.
    package static func ofWritten(
        _ descriptor: FileDescriptor, named path: FilePath, appended: AppendedDigest = AppendedDigest()
    ) throws(FileSystemError) -> Digested {
        var hashing = try FileHashing(descriptor, named: path)
        if hashing.stamp.size >= 1 << 20 { Disk.startWriteback(descriptor) }
        let digested =
            appended.byteCount == hashing.stamp.size
            ? Digested(digest: appended.digest, stamp: hashing.stamp) : try hashing.finish()
        if digested.stamp.size >= 16 << 20 { try Disk.sync(descriptor, path) }
        return digested
    }

    /// Returns the digest of an open file. Reads by offset, so that the descriptor's position does not move; `path` is for messages.
    package static func of(_ descriptor: FileDescriptor, named path: FilePath) throws(FileSystemError) -> Digested {
        var hashing = try FileHashing(descriptor, named: path)
        return try hashing.finish()
    }

    /// Returns only the stamp; nil when nothing is there. Does not follow symbolic links.
    package static func stamp(_ path: FilePath) throws(FileSystemError) -> FileStamp? { try Disk.status(path)?.stamp }

    package static func hexadecimal(_ digest: SHA256.Digest) -> String {
        let digits = Array("0123456789abcdef".utf8)
        return String(unsafeUninitializedCapacity: 64) { text in
            var count = 0
            for byte in digest {
                text[count] = digits[Int(byte >> 4)]
                text[count + 1] = digits[Int(byte & 15)]
                count += 2
            }
            return count
        }
    }
}
