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
    package static func copy(_ source: FileDescriptor, _ from: FilePath, to: FilePath) throws(FileSystemError) {
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

    /// Copies as `copy` does, but lets both files share blocks where the file system can do that (`FICLONE`, ioctl_ficlonerange(2)).
    package static func clone(_ from: FilePath, to: FilePath) throws(FileSystemError) {
        let source = try open(from, .readOnly, .noFollow, doing: "read")
        defer { close(source) }
        try clone(source, from, to: to)
    }

    /// - Parameter from: the path of the open file, for messages.
    package static func clone(_ source: FileDescriptor, _ from: FilePath, to: FilePath) throws(FileSystemError) {
        guard try share(source, to) else { return try copy(source, from, to: to) }
        try sync(file: to)
    }

    /// Shares the blocks of an open file. Returns false, and leaves nothing at `to`, where blocks cannot be shared.
    private static func share(_ source: FileDescriptor, _ to: FilePath) throws(FileSystemError) -> Bool {
        let target = try open(to, .writeOnly, [.create, .exclusiveCreate, .noFollow], doing: "write")
        defer { close(target) }
        if LinuxCalls.cloneFile(source.rawValue, target.rawValue) == 0 { return true }
        try remove(to)
        return false
    }
}
