import Attempts
import FileSystem
import Foundation
import Reasons
import SystemPackage

/// Opens the files of one input by their names, below its spool where it is in one.
struct InputAccess {
    private let input: AttemptSpec.InputFile
    private let spool: SpoolAccess?

    init(_ input: AttemptSpec.InputFile) {
        self.input = input
        spool = input.spool.map { SpoolAccess(root: FilePath($0)) }
    }

    /// Throws where the input has a spool and is not in it.
    func check() throws(Failure) {
        guard let spool = input.spool, SpoolAccess.relative(input.path, to: spool) == nil else { return }
        let shown = spool.hasSuffix("/") ? spool : spool + "/"
        throw Failure(.badInput, what: "it is not in its spool \(shown)", place: input.path, remedy: "Name a file of the spool.")
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
    var above: String { (input.path as NSString).deletingLastPathComponent }

    private func open(_ path: String) throws(FileSystemError) -> FileDescriptor {
        if let spool { return try spool.open(relative(path)) }
        return try FileDigest.open(FilePath(path))
    }

    /// Returns the path relative to the spool; the spool itself has an empty path.
    private func relative(_ path: String) -> FilePath { SpoolAccess.relative(path, to: input.spool ?? "") ?? FilePath() }
}
