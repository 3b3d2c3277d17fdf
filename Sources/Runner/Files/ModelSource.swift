import Arrivals
import Attempts
import FileSystem
import Foundation
import Glibc
import ONNX
import SystemPackage

/// Opens the files of one model for the code that loads it, which has their paths only for messages.
struct ModelSource: Sendable {
    let path: String
    /// The path of the adapter where it is not the one in the model's folder.
    let adapter: String?
    let open: @Sendable (ModelPart) throws(FileSystemError) -> FileDescriptor
    /// Tells whether the model is in one of our folders, where a second name of a file belongs to a backup.
    private let isOurs: Bool
    /// Returns the folder of prepared models; nil where models are loaded as they are.
    let prepared: @Sendable () -> (any GivenFolder)?

    init(
        _ path: String, adapter: String? = nil, isOurs: Bool = true,
        open: @escaping @Sendable (ModelPart) throws(FileSystemError) -> FileDescriptor,
        prepared: @escaping @Sendable () -> (any GivenFolder)? = { nil }
    ) {
        self.path = path
        self.adapter = adapter
        self.isOurs = isOurs
        self.open = open
        self.prepared = prepared
    }

    /// Opens the files of a model that somebody else made, by their names.
    init(named model: NamedModel) {
        self.init(model.path, adapter: model.adapter, isOurs: false) { part throws(FileSystemError) in try model.open(part) }
    }

    /// The path of the adapter, if there is one.
    var adapterPath: String { adapter ?? NamedModel.adapter(beside: path) }

    var externalData: ExternalDataDirectory {
        ExternalDataDirectory(isOurs: isOurs) { [open] components in
            Result { () throws(FileSystemError) in try open(.weights(components)) }
        }
    }

    /// The size of the model's files in bytes: that of the graph, and of the file in which a version has its weights. It is 0 where they
    /// cannot be opened.
    var byteCount: Int {
        let name = (path as NSString).lastPathComponent + NamedModel.weightsSuffix
        return [.graph, .weights([name])].reduce(0) { $0 + byteCount($1) }
    }

    private func byteCount(_ part: ModelPart) -> Int {
        guard let file = try? open(part) else { return 0 }
        defer { Disk.close(file) }
        return (try? FileDigest.stamp(of: file, named: FilePath(path))).map { Int(clamping: $0.size) } ?? 0
    }

    /// Opens the adapter. Returns nil where the model has none.
    func openAdapter() throws(FileSystemError) -> OwnedFile? {
        do throws(FileSystemError) { return OwnedFile(try open(.adapter)) } catch {
            if case .missing = error, adapter == nil { return nil }
            throw error
        }
    }

    /// Returns the digest of the model together with its adapter.
    func digest() throws(FileSystemError) -> String { try NamedModel.digest(of: path, adapter: adapter, open: open) }
}

extension AttemptFiles {
    /// Opens the model that scores.
    func model(of files: AttemptSpec.ScoringFiles) -> ModelSource {
        ModelSource(files.model.path, adapter: files.adapter) { part throws(FileSystemError) in
            try open(.model(part))
        } prepared: {
            try? folder(.prepared)
        }
    }

    /// Opens the model that is measured.
    func model(of files: AttemptSpec.MeasuredFiles) -> ModelSource {
        ModelSource(files.model.path, adapter: files.adapter) { part throws(FileSystemError) in try open(.model(part)) }
    }

    /// Opens the model that is written in another form.
    func model(of files: AttemptSpec.RewrittenFiles) -> ModelSource {
        ModelSource(files.model.path, adapter: files.adapter) { part throws(FileSystemError) in try open(.model(part)) }
    }

    /// Opens the model that is trained.
    func model(of files: AttemptSpec.ModelFiles) -> ModelSource {
        ModelSource(files.model.path) { part throws(FileSystemError) in try open(.model(part)) }
    }

    /// Opens the model that the attempt has written.
    func written(by files: AttemptSpec.ModelFiles) -> ModelSource {
        ModelSource(files.writtenModel) { part throws(FileSystemError) in
            try open(.written(part))
        } prepared: {
            try? folder(.prepared)
        }
    }
}

/// Closes a descriptor with its last owner.
final class OwnedFile: Sendable {
    let descriptor: FileDescriptor

    init(_ descriptor: FileDescriptor) { self.descriptor = descriptor }

    deinit { Disk.close(descriptor) }
}
