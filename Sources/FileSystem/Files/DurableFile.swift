package import SystemPackage

/// Writes files that are whole under their name or absent, whenever the process or the machine stops. It is only for names that are ours by
/// definition, and for those that someone asked to write to: a file that had the name is replaced.
package enum DurableFile {
    /// Writes a file beside `path`, syncs and renames it, and syncs the directory.
    package static func write(to path: FilePath, _ body: (borrowing OpenFile) throws(FileSystemError) -> Void) throws(FileSystemError) {
        let staged = staging(for: path)
        do throws(FileSystemError) {
            let file = try OpenFile(creating: staged)
            try body(file)
            try file.sync()
            try Disk.replaceOurs(path, by: staged)
        } catch {
            try? Disk.remove(staged)
            throw error
        }
    }

    package static func write(_ bytes: [UInt8], to path: FilePath) throws(FileSystemError) {
        try JSONFile.replace(path, with: bytes, staged: staging(for: path))
    }

    /// Syncs a file that was written on the same file system, and gives it the name `path`.
    package static func publish(_ staged: FilePath, as path: FilePath) throws(FileSystemError) {
        try Disk.sync(file: staged)
        try Disk.replaceOurs(path, by: staged)
    }

    /// Makes `target` a durable file with the content of an open file, which must have that digest. Does nothing where `target` is there.
    /// - Parameter source: the path of the open file, for messages.
    package static func keep(
        _ descriptor: FileDescriptor, digest: String, at target: FilePath, named source: FilePath
    ) throws(FileSystemError) {
        if try Disk.status(target) != nil { return }
        let folder = target.removingLastComponent()
        for changed in try Disk.makeDirectories(folder) { try Disk.sync(directory: changed) }
        let beside = folder.appending("." + (target.lastComponent?.string ?? "file"))
        try Disk.remove(beside)
        try Disk.clone(descriptor, source, to: beside)
        guard try FileDigest.of(beside).digest == digest else {
            try Disk.remove(beside)
            throw .changedWhileRead(source)
        }
        FaultPoint.reach(.labelsCopied)
        try Disk.replaceOurs(target, by: beside)
        FaultPoint.reach(.labelsKept)
    }

    /// Returns the path to write to before a file is published as `path`: beside it, hidden from readers and sync tools.
    package static func staging(for path: FilePath) -> FilePath {
        path.removingLastComponent().appending(".\(path.lastComponent?.string ?? "file").part")
    }
}
