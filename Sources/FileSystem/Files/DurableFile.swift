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

    /// Returns the path to write to before a file is published as `path`: beside it, hidden from readers and sync tools.
    package static func staging(for path: FilePath) -> FilePath {
        path.removingLastComponent().appending(".\(path.lastComponent?.string ?? "file").part")
    }
}
