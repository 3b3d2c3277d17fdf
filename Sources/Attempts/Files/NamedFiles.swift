package import FileSystem
import Glibc
import Machine
package import SystemPackage

/// Opens the files of one attempt by the names that its spec has for them, and no others.
package struct NamedFiles: AttemptFiles {
    private let spec: AttemptSpec
    private let prepared: PreparedFolder?

    /// - Parameter prepared: the folder of prepared models; nil where models are loaded as they are.
    package init(_ spec: AttemptSpec, prepared: PreparedFolder? = nil) {
        self.spec = spec
        self.prepared = prepared
    }

    package func open(_ file: AttemptFile) throws(FileSystemError) -> FileDescriptor {
        switch spec.work {
        case .score(let files):
            switch file {
            case .output: return try make(FilePath(files.output))
            case .temporary: return try temporary(in: FilePath(files.output).removingLastComponent())
            default: return try open(file, toScore: files)
            }
        case .scoreRange(let files), .scoreAhead(let files): return try open(file, toScore: files)
        case .validateModel(let files, let training):
            switch file {
            case .model(.graph): return try InputAccess(files.model).open()
            case .model(.weights(let names)): return try InputAccess(files.model).open(companion: names.joined(separator: "/"))
            default: return try open(file, toMake: files, training)
            }
        case .fineTune(let files, let training):
            if case .model(let part) = file { return try NamedModel(files.model.path).open(part) }
            return try open(file, toMake: files, training)
        case .measure(let files):
            if case .labels(let number) = file {
                guard let judged = files.judged, judged.files.indices.contains(number) else { throw none }
                return try InputAccess(judged.files[number].file).open()
            }
            return try open(file, of: NamedModel(files.model.path, adapter: files.adapter), files.data, files.older)
        case .rewrite(let files):
            return try open(file, of: NamedModel(files.model.path, adapter: files.adapter), files.data, files.older)
        }
    }

    /// Opens a file of an attempt that only reads: a model, and the rows where there are some.
    private func open(
        _ file: AttemptFile, of model: NamedModel, _ data: AttemptSpec.InputFile?, _ older: [AttemptSpec.InputFile]
    ) throws(FileSystemError) -> FileDescriptor {
        switch file {
        case .data:
            guard let data else { throw none }
            return try InputAccess(data).open()
        case .older(let number):
            guard older.indices.contains(number) else { throw none }
            return try InputAccess(older[number]).open()
        case .model(let part): return try model.open(part)
        case .rows, .written, .labels, .output, .temporary: throw none
        }
    }

    package func folder(_ folder: AttemptFolder) throws(FileSystemError) -> any GivenFolder {
        switch (folder, spec.work) {
        case (.arrived, .validateModel(let files, _)):
            let access = InputAccess(files.model)
            return HeldFolder(try access.openFolder(), named: FilePath(access.above))
        case (.version, .validateModel(let files, _)), (.version, .fineTune(let files, _)):
            return try HeldFolder(makingLast: FilePath(files.directory))
        case (.parts, .score(let files)):
            guard let parts = files.parts else { throw none }
            return try HeldFolder(makingLast: FilePath(parts))
        case (.parts, .scoreRange(let files)), (.parts, .scoreAhead(let files)):
            guard let parts = files.parts else { throw none }
            return try HeldFolder(FilePath(parts))
        case (.labels, _):
            guard let kept = spec.training?.labelled.first?.kept else { throw none }
            let path = FilePath(kept).removingLastComponent()
            for changed in try Disk.makeDirectories(path) { try Disk.sync(directory: changed) }
            return try HeldFolder(path)
        case (.checkpoints, _):
            guard let checkpoints = spec.training?.checkpoints else { throw none }
            return try HeldFolder(making: FilePath(checkpoints))
        case (.prepared, _):
            guard let prepared else { throw none }
            return OwnPreparedFolder(folder: try HeldFolder(making: prepared.path), digest: try loadedDigest())
        case (.reference, .measure(let files)): return try HeldFolder(FilePath(files.reference))
        case (.form, .rewrite(let files)): return try HeldFolder(making: FilePath(files.directory))
        case (.arrived, _), (.version, _), (.parts, _), (.reference, _), (.form, _): throw none
        }
    }

    /// Returns the digest of the model that the attempt loads to score with: where it makes a version, that of the model it has written.
    private func loadedDigest() throws(FileSystemError) -> String {
        guard let files = spec.modelFiles else { return spec.model.digest }
        return try NamedModel(files.writtenModel).digest()
    }

    // MARK: Names

    private func open(_ file: AttemptFile, toScore files: AttemptSpec.ScoringFiles) throws(FileSystemError) -> FileDescriptor {
        switch file {
        case .data: return try InputAccess(files.data).open()
        case .model(let part): return try NamedModel(files.model.path, adapter: files.adapter).open(part)
        case .older, .rows, .written, .labels, .output, .temporary: throw none
        }
    }

    private func open(
        _ file: AttemptFile, toMake files: AttemptSpec.ModelFiles, _ training: AttemptSpec.Training?
    ) throws(FileSystemError) -> FileDescriptor {
        switch file {
        case .written(let part): return try NamedModel(files.writtenModel).open(part)
        case .rows:
            guard let rows = files.rows else { throw none }
            return try InputAccess(rows).open()
        case .labels(let number):
            guard let training, training.labelled.indices.contains(number) else { throw none }
            return try InputAccess(training.labelled[number].file).open()
        case .data, .older, .model, .output, .temporary: throw none
        }
    }

    private var none: FileSystemError { .missing(FilePath(spec.place)) }

    /// Makes a file of ours, or empties it where it is there.
    private func make(_ path: FilePath) throws(FileSystemError) -> FileDescriptor {
        do {
            return try FileDescriptor.open(
                path, .readWrite, options: [.create, .truncate, .noFollow, .closeOnExec], permissions: FilePermissions(rawValue: 0o644))
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
