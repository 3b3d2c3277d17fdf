import Arrivals
package import SystemPackage

extension Disk {
    /// Makes a new, durable file with the bytes of another.
    package static func copy(_ from: FilePath, to: FilePath) throws(FileSystemError) {
        let source = try open(from, .readOnly, .noFollow, doing: "read")
        defer { close(source) }
        try copy(source, from, to: to)
    }

    /// - Parameter from: the path of the open file, for messages.
    private static func copy(_ source: FileDescriptor, _ from: FilePath, to: FilePath) throws(FileSystemError) {
        try DiskRoom.check(status(source, from).stamp.size, at: to)
        let copy = try open(to, .writeOnly, [.create, .exclusiveCreate, .noFollow], doing: "write")
        defer { close(copy) }
        try Disk.copy(source, from, into: copy, to)
        try sync(copy, to)
    }

    /// Copies as `copy` does, but lets both files share blocks where the file system can do that (`FICLONE`, ioctl_ficlonerange(2)).
    package static func clone(_ from: FilePath, to: FilePath) throws(FileSystemError) {
        let source = try open(from, .readOnly, .noFollow, doing: "read")
        defer { close(source) }
        let copy = try open(to, .writeOnly, [.create, .exclusiveCreate, .noFollow], doing: "write")
        defer { close(copy) }
        do throws(FileSystemError) { try clone(source, from, into: copy, to) } catch {
            try? remove(to)
            throw error
        }
    }

    /// Gives an open, empty file the bytes of another, and makes them durable unless they need not be.
    /// - Parameters:
    ///   - from: the path of the one, for messages.
    ///   - to: the path of the other.
    package static func clone(
        _ source: FileDescriptor, _ from: FilePath, into copy: FileDescriptor, _ to: FilePath, isDurable: Bool = true
    ) throws(FileSystemError) {
        if LinuxCalls.cloneFile(source.rawValue, copy.rawValue) != 0 { try Disk.copy(source, from, into: copy, to) }
        if isDurable { try sync(copy, to) }
    }

    private static func copy(
        _ source: FileDescriptor, _ from: FilePath, into copy: FileDescriptor, _ to: FilePath
    ) throws(FileSystemError) {
        try DiskRoom.check(status(source, from).stamp.size, on: copy, to)
        willReadOnce(source)
        var buffer = [UInt8](repeating: 0, count: 1 << 20)
        var offset: Int64 = 0
        while true {
            let count = try read(source, at: offset, into: &buffer, 0..<buffer.count, from)
            if count == 0 { break }
            try write(count == buffer.count ? buffer : Array(buffer[..<count]), to: copy, to)
            offset += Int64(count)
        }
        willNotReadAgain(source)
    }
}
