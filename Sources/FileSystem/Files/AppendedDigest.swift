import Crypto
package import SystemPackage

/// Computes the SHA-256 of a file while it is written from its beginning to its end, so that it need not be read again.
package struct AppendedDigest {
    private var hash = SHA256()
    private var begun: Int64 = 0
    /// The number of bytes that were appended.
    package private(set) var byteCount: Int64 = 0

    package init() {}

    /// Takes the next bytes of the file, which are written already. Every 16 MiB, what the file has starts on its way to the disk: its sync
    /// waits less then.
    package mutating func append(_ bytes: UnsafeRawBufferPointer, to descriptor: FileDescriptor) {
        hash.update(bufferPointer: bytes)
        byteCount += Int64(bytes.count)
        if byteCount - begun >= 16 << 20 {
            begun = byteCount
            Disk.startWriteback(descriptor)
        }
    }

    /// The digest of what was appended so far, as lower-case hexadecimal text.
    package var digest: String { FileDigest.hexadecimal(hash.finalize()) }
}
