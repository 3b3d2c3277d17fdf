package import SystemPackage

/// Gives the code that computes what is in one folder. What that code may do with files is written down here, but for the files that it is
/// given one by one.
///
/// That code is to be confined so that it can open nothing by a name, in another process than the one that has the folder. Each call is
/// therefore one small request, with short names relative to the folder, and the answer is a descriptor, a status or some names. What can
/// be done with a descriptor (to read, to write, to lock, to sync a file) needs no request. A name may have several components; it never
/// leads out of the folder, and no link is followed.
package protocol GivenFolder: Sendable {
    /// The path of the folder, for messages.
    var path: FilePath { get }

    /// Returns the status of what has the name; nil when nothing is there.
    func status(_ name: String) throws(FileSystemError) -> FileStatus?
    /// Opens a file to be read. Throws `missing` where nothing is there, and `outsideSpool` where a link is in the way.
    func open(_ name: String) throws(FileSystemError) -> FileDescriptor
    /// Opens a file to be written and read, which is made where it is missing.
    func create(_ name: String, _ kind: NewFile) throws(FileSystemError) -> FileDescriptor
    /// Makes a folder in the folder, unless it is there.
    func makeFolder(_ name: String) throws(FileSystemError)
    /// Renames a file or a folder. A file that has the new name is replaced.
    func rename(_ name: String, to new: String) throws(FileSystemError)
    /// Returns the names in the folder, in no order.
    func names() throws(FileSystemError) -> [String]
    /// Removes a file, or a folder with everything in it. It is no error where there is none.
    func remove(_ name: String) throws(FileSystemError)
    /// Makes the names in the folder durable, or in a folder that is in it.
    func sync(_ name: String?) throws(FileSystemError)
    /// Throws where the disk has no room for so many bytes.
    /// - Parameter name: what is to be written, for messages.
    func checkRoom(for byteCount: Int64, at name: String) throws(FileSystemError)
    /// Returns a descriptor of the folder itself. It is for engines alone, which read files only by a name: one that begins at
    /// `/proc/self/fd`. A process that is confined must be allowed to read what is beneath such a folder.
    func descriptor() throws(FileSystemError) -> FileDescriptor
}

/// Says what becomes of a file that has the name of a new one.
package enum NewFile: String, Codable, Sendable {
    /// There must be no such file.
    case fresh
    /// The file is emptied.
    case emptied
    /// The file is opened as it is.
    case kept
}

extension GivenFolder {
    /// Returns the path of a file, for messages.
    package func path(of name: String) -> FilePath { path.appending(name) }

    package func has(_ name: String) throws(FileSystemError) -> Bool { try status(name) != nil }

    package func sync() throws(FileSystemError) { try sync(nil) }

    /// Opens a file to be read while `body` runs.
    package func reading<Result>(
        _ name: String, _ body: (FileDescriptor) throws(FileSystemError) -> Result
    ) throws(FileSystemError) -> Result {
        let file = try open(name)
        defer { Disk.close(file) }
        return try body(file)
    }

    // MARK: Small files

    package func decode<Value: Decodable>(_ type: Value.Type, from name: String) throws(FileSystemError) -> Value {
        try reading(name) { file throws(FileSystemError) in try JSONFile.decode(type, from: file, named: path(of: name)) }
    }

    /// Writes a file, which is durable except for its name.
    package func write(_ bytes: [UInt8], to name: String) throws(FileSystemError) {
        let file = OpenFile(try create(name, .emptied), named: path(of: name))
        try file.write(bytes)
        try file.sync()
    }

    // MARK: Files that are whole under their name or absent

    /// Renames a durable file over `name` and makes that durable. The two are in the folder itself.
    package func replace(_ name: String, by staged: String) throws(FileSystemError) {
        try Disk.replacing { () throws(FileSystemError) in
            try rename(staged, to: name)
        } syncing: { () throws(FileSystemError) in
            try sync()
        }
    }

    /// Writes a file beside `name`, syncs and renames it, and syncs the folder.
    package func writeDurably(
        _ name: String, _ body: (borrowing OpenFile) throws(FileSystemError) -> Void
    ) throws(FileSystemError) {
        let staged = ".\(name).part"
        do throws(FileSystemError) {
            let file = OpenFile(try create(staged, .emptied), named: path(of: staged))
            try body(file)
            try file.sync()
            try replace(name, by: staged)
        } catch {
            try? remove(staged)
            throw error
        }
    }

    /// Makes `name` a durable file with the content of an open file, which must have that digest. Does nothing where `name` is there.
    /// - Parameter source: the path of the open file, for messages.
    package func keep(
        _ descriptor: FileDescriptor, digest: String, as name: String, named source: FilePath
    ) throws(FileSystemError) {
        try keep(as: name) { (copy, path) throws(FileSystemError) in
            try Disk.clone(descriptor, source, into: copy, path)
            guard try FileDigest.of(copy, named: path).digest == digest else { throw .changedWhileRead(source) }
        }
    }

    /// Makes `name` a durable file with what `body` writes and syncs. Does nothing where `name` is there.
    package func keep(
        as name: String, _ body: (FileDescriptor, FilePath) throws(FileSystemError) -> Void
    ) throws(FileSystemError) {
        if try has(name) { return }
        let beside = "." + name
        try remove(beside)
        let copy = try create(beside, .fresh)
        defer { Disk.close(copy) }
        do throws(FileSystemError) { try body(copy, path(of: beside)) } catch {
            try? remove(beside)
            throw error
        }
        FaultPoint.reach(.labelsCopied)
        try replace(name, by: beside)
        FaultPoint.reach(.labelsKept)
    }
}
