import Arrivals
package import SystemPackage

/// A file of ours that is written or read piece by piece, closed with its owner.
package struct OpenFile: ~Copyable {
    private let path: FilePath
    private let descriptor: FileDescriptor

    /// Anew: what had the name is emptied.
    package init(creating path: FilePath) throws(LandingError) {
        let descriptor = try Disk.open(path, .readWrite, [.create, .truncate, .noFollow], doing: "write")
        self.path = path
        self.descriptor = descriptor
    }

    package init(reading path: FilePath) throws(LandingError) {
        let descriptor = try Disk.open(path, .readOnly, doing: "read")
        self.path = path
        self.descriptor = descriptor
    }

    deinit { Disk.close(descriptor) }

    package func byteCount() throws(LandingError) -> Int { Int(try Disk.status(descriptor, path).stamp.size) }

    package func write(_ bytes: UnsafeRawBufferPointer) throws(LandingError) { try Disk.write(bytes, to: descriptor, path) }

    package func write(_ bytes: [UInt8]) throws(LandingError) { try Disk.write(bytes, to: descriptor, path) }

    package func sync() throws(LandingError) { try Disk.sync(descriptor, path) }

    /// Fills `target` whole from `offset` on.
    package func read(into target: UnsafeMutableRawBufferPointer, at offset: Int) throws(LandingError) {
        var done = 0
        while done < target.count {
            let rest = UnsafeMutableRawBufferPointer(rebasing: target[done...])
            let count = try Disk.read(descriptor, at: Int64(offset + done), into: rest, path)
            guard count > 0 else { throw .badDocument(path, why: "it ends early") }
            done += count
        }
    }

    /// Fills `target` whole from `offset` on.
    package func read(into target: inout [UInt8], at offset: Int) throws(LandingError) {
        try target.withUnsafeMutableBytes { bytes in
            Result { () throws(LandingError) in try read(into: bytes, at: offset) }
        }.get()
    }
}

/// Files that are whole under their name or absent, whenever the process or the machine stops. Only for names that are ours by definition,
/// and those that someone said to write to: what had the name is replaced.
package enum DurableFile {
    /// Writes beside `path`, syncs, renames, and syncs the directory.
    package static func write(to path: FilePath, _ body: (borrowing OpenFile) throws(LandingError) -> Void) throws(LandingError) {
        let staged = staging(for: path)
        do throws(LandingError) {
            let file = try OpenFile(creating: staged)
            try body(file)
            try file.sync()
            try Placement.replaceOurs(path, by: staged)
        } catch {
            try? Disk.remove(staged)
            throw error
        }
    }

    package static func write(_ bytes: [UInt8], to path: FilePath) throws(LandingError) {
        try JSONFile.replace(path, with: bytes, staged: staging(for: path))
    }

    /// Syncs a file that was written on the same file system and gives it that name.
    package static func publish(_ staged: FilePath, as path: FilePath) throws(LandingError) {
        try Disk.sync(file: staged)
        try Placement.replaceOurs(path, by: staged)
    }

    /// Where to write what is to be published as `path`: beside it, hidden from readers and sync tools.
    package static func staging(for path: FilePath) -> FilePath {
        path.removingLastComponent().appending(".\(path.lastComponent?.string ?? "file").part")
    }
}
