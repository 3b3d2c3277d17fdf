package import Attempts
import Columnar
package import FileSystem
import Glibc
package import SystemPackage

/// Opens the files of one attempt by the names that its spec has for them, and no others.
package struct NamedFiles: AttemptFiles {
    private let spec: AttemptSpec
    /// The folder of the parts, where another attempt has made it: it may get another name meanwhile. Nil where it is this attempt's own,
    /// and where it is gone.
    private let held: HeldFolder?

    package init(_ spec: AttemptSpec) {
        self.spec = spec
        switch spec.work {
        case .scoreRange(let files), .scoreAhead(let files): held = files.parts.flatMap { try? HeldFolder(FilePath($0)) }
        case .score, .validateModel, .fineTune, .measure: held = nil
        }
    }

    package func open(_ file: AttemptFile) throws(FileSystemError) -> FileDescriptor {
        switch (file, spec.work) {
        case (.data, .score(let files)), (.data, .scoreRange(let files)), (.data, .scoreAhead(let files)):
            return try InputAccess(files.data).open()
        case (.model(let part), .score(let files)), (.model(let part), .scoreRange(let files)), (.model(let part), .scoreAhead(let files)):
            return try NamedModel(files.model.path, adapter: files.adapter).open(part)
        case (.model(let part), .fineTune(let files, _)):
            return try NamedModel(files.model.path).open(part)
        case (.written(let part), .validateModel(let files, _)), (.written(let part), .fineTune(let files, _)):
            return try NamedModel(files.writtenModel).open(part)
        case (.output, .score(let files)):
            return try make(FilePath(files.output), .readWrite)
        case (.temporary, .score(let files)):
            return try temporary(in: FilePath(files.output).removingLastComponent())
        case (.claims, .score(let files)), (.claims, .scoreRange(let files)), (.claims, .scoreAhead(let files)):
            let folder = try parts(files)
            if !spec.isOneRange, !Disk.isDirectory(folder) { _ = try Disk.makeDirectories(folder) }
            return try Disk.open(folder.appending("claims"), .readWrite, [.create, .noFollow], doing: "claim a range")
        case (.part(let range), .score(let files)), (.part(let range), .scoreRange(let files)), (.part(let range), .scoreAhead(let files)):
            return try FileDigest.open(parts(files).appending(PartsFolder.name(range)))
        case (.newPart(let range), .score(let files)), (.newPart(let range), .scoreRange(let files)),
            (.newPart(let range), .scoreAhead(let files)):
            return try make(parts(files).appending(PartsFolder.stagedName(range)), .writeOnly)
        case (.data, .measure(let files)):
            guard let data = files.data else { throw .missing(FilePath(spec.place)) }
            return try InputAccess(data).open()
        case (.model(let part), .measure(let files)):
            return try NamedModel(files.model.path, adapter: files.adapter).open(part)
        case (.reference(let output), .measure(let files)):
            return try FileDigest.open(FilePath(files.reference).appending("output-\(output)"))
        case (.newReference(let output), .measure(let files)):
            return try make(FilePath(files.reference).appending("output-\(output)"), .writeOnly)
        case (.output, _), (.temporary, _), (.data, _), (.claims, _), (.part, _), (.newPart, _), (.model, _), (.written, _),
            (.reference, _), (.newReference, _):
            throw .missing(FilePath(spec.place))
        }
    }

    // MARK: Names

    private func parts(_ files: AttemptSpec.ScoringFiles) throws(FileSystemError) -> FilePath {
        guard let parts = files.parts else { throw .missing(FilePath(spec.place)) }
        return held?.path ?? FilePath(parts)
    }

    /// Makes a file of ours, or empties it where it is there.
    private func make(_ path: FilePath, _ mode: FileDescriptor.AccessMode) throws(FileSystemError) -> FileDescriptor {
        do {
            return try FileDescriptor.open(
                path, mode, options: [.create, .truncate, .noFollow, .closeOnExec], permissions: FilePermissions(rawValue: 0o644))
        } catch {
            throw .system(doing: "creating", path: path, errno: error as? Errno ?? .ioError)
        }
    }

    private func temporary(in folder: FilePath) throws(FileSystemError) -> FileDescriptor {
        let made = TemporaryFile.open(in: folder.string)
        guard made >= 0 else { throw .system(doing: TemporaryFile.making, path: folder, errno: Errno(rawValue: errno)) }
        return FileDescriptor(rawValue: made)
    }
}

extension AttemptSpec.ModelFiles {
    /// The path of the model that the attempt writes.
    var writtenModel: String { directory + "/" + VersionFile.model }
}
