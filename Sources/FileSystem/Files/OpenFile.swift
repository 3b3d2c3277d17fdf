import Arrivals
package import SystemPackage

/// A file of ours that is written or read piece by piece, closed with its owner.
package struct OpenFile: ~Copyable {
    private let path: FilePath
    private let descriptor: FileDescriptor

    /// Creates the file; one that had the name is emptied.
    package init(creating path: FilePath) throws(FileSystemError) {
        let descriptor = try Disk.open(path, .readWrite, [.create, .truncate, .noFollow], doing: "write")
        self.path = path
        self.descriptor = descriptor
    }

    /// Opens a regular file, and nothing else: it does not wait for the writer of a FIFO.
    package init(reading path: FilePath) throws(FileSystemError) {
        let descriptor = try FileDigest.open(path)
        do throws(FileSystemError) { _ = try FileDigest.stamp(of: descriptor, named: path) } catch {
            Disk.close(descriptor)
            throw error
        }
        self.path = path
        self.descriptor = descriptor
    }

    /// Takes over a file that is open already.
    /// - Parameter path: the path of the file, for messages.
    package init(_ descriptor: FileDescriptor, named path: FilePath) {
        self.path = path
        self.descriptor = descriptor
    }

    deinit { Disk.close(descriptor) }

    package func byteCount() throws(FileSystemError) -> Int { Int(try Disk.status(descriptor, path).stamp.size) }

    package func write(_ bytes: UnsafeRawBufferPointer) throws(FileSystemError) { try Disk.write(bytes, to: descriptor, path) }

    package func write(_ bytes: [UInt8]) throws(FileSystemError) { try Disk.write(bytes, to: descriptor, path) }

    package func sync() throws(FileSystemError) { try Disk.sync(descriptor, path) }

    /// Fills all of `target` from `offset` on. Throws `badDocument` where the file ends early.
    package func read(into target: UnsafeMutableRawBufferPointer, at offset: Int) throws(FileSystemError) {
        var done = 0
        while done < target.count {
            let rest = UnsafeMutableRawBufferPointer(rebasing: target[done...])
            let count = try Disk.read(descriptor, at: Int64(offset + done), into: rest, path)
            guard count > 0 else { throw .badDocument(path, why: "it ends early") }
            done += count
        }
    }

    /// Fills all of `target` from `offset` on. Throws `badDocument` where the file ends early.
    package func read(into target: inout [UInt8], at offset: Int) throws(FileSystemError) {
        try target.withUnsafeMutableBytes { bytes in
            Result { () throws(FileSystemError) in try read(into: bytes, at: offset) }
        }.get()
    }
}
