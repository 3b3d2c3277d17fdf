import FileSystem
import Foundation
import SystemPackage

/// Opens the files of one input by their names, below its spool where it is in one.
struct InputAccess {
    private let input: AttemptSpec.InputFile
    private let spool: SpoolAccess?

    init(_ input: AttemptSpec.InputFile) {
        self.input = input
        spool = input.spool.map { SpoolAccess(root: FilePath($0)) }
    }

    /// Opens the input's own file.
    func open() throws(FileSystemError) -> FileDescriptor { try open(input.path) }

    /// Opens a file of the model's external data.
    func open(companion name: String) throws(FileSystemError) -> FileDescriptor { try open(above + "/" + name) }

    /// Opens the folder of the input.
    func openFolder() throws(FileSystemError) -> FileDescriptor {
        if let spool { return try spool.openFolder(relative(above)) }
        return try SpoolAccess(root: FilePath(above)).openFolder(FilePath())
    }

    /// The path of the input's folder.
    var above: String { input.folder }

    private func open(_ path: String) throws(FileSystemError) -> FileDescriptor {
        if let spool { return try spool.open(relative(path)) }
        return try FileDigest.open(FilePath(path))
    }

    /// Returns the path relative to the spool; the spool itself has an empty path.
    private func relative(_ path: String) -> FilePath { SpoolAccess.relative(path, to: input.spool ?? "") ?? FilePath() }
}

extension AttemptSpec.InputFile {
    /// The path of the folder that the file is in.
    package var folder: String { (path as NSString).deletingLastPathComponent }
}
