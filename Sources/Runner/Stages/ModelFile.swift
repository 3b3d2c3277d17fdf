import Autodiff
import Engine
import Foundation
package import Landing
import ONNX
import SystemPackage
import Training

/// A model's bytes, read once with `pread` and checked against the digest that it was numbered or published with, and the adapter that belongs
/// to it.
struct ModelFile {
    let path: String
    let bytes: Data
    /// Of the file at `path` alone.
    let digest: String
    let adapter: AdapterFile?

    /// A model that arrived.
    /// - Parameter expected: the digest of the file alone; nil where only its external data's is known with it.
    init(_ path: String, expected: String?) throws(Failure) {
        (bytes, digest) = try Self.read(path)
        if let expected, expected != digest { throw Self.changed(path) }
        self.path = path
        adapter = nil
    }

    /// A model in a version directory, or one that a user names, with its adapter.
    /// - Parameters:
    ///   - adapter: its path; nil takes what stands beside the model under the name that a version's adapter has.
    ///   - expected: `TunedModel.digest` of both.
    init(tuned path: String, adapter given: String? = nil, expected: String?) throws(Failure) {
        (bytes, digest) = try Self.read(path)
        self.path = path
        guard let place = TunedModel.adapter(of: path, given: given) else {
            adapter = nil
            if let expected, expected != digest { throw Self.changed(path) }
            return
        }
        let both: String
        do throws(LandingError) {
            both = FileDigest.ofModel(digest: digest, companions: [(Card.adapterFile, try FileDigest.of(FilePath(place)).digest)])
        } catch .changedWhileRead { throw Self.changed(place) } catch {
            throw Failure(.inputGone, what: "\(error)", place: place, remedy: "Put it back.")
        }
        if let expected, expected != both { throw Self.changed(place) }
        do throws(TrainingError) { adapter = try AdapterFile(reading: place, beside: path, digest: digest) } catch {
            throw Failure(.badModel, what: "\(error)", place: path, remedy: "Give the adapter that was made for this model.")
        }
    }

    private static func read(_ path: String) throws(Failure) -> (Data, String) {
        guard let bytes = FileManager.default.contents(atPath: path) else {
            throw Failure(.inputGone, what: "the model cannot be read", place: path, remedy: "Put it back, or drop it again.")
        }
        return (bytes, FileDigest.of(bytes: bytes))
    }

    private static func changed(_ path: String) -> Failure {
        Failure(.inputChanged, what: "the model is not the one that was expected", place: path, remedy: "It is taken up again when it is quiet.")
    }

    /// The model as its file has it, without the adapter.
    func parsed() throws(Failure) -> Model {
        do throws(ONNXError) {
            var model = try Model(serialized: bytes)
            model.directory = (path as NSString).deletingLastPathComponent
            return model
        } catch {
            throw Failure(.badModel, what: "\(error)", place: path, remedy: "Export the model again, and check it with `millrace inspect`.")
        }
    }

    /// A session over these bytes and the external data that they name, the adapter merged in. Only for models in folders of ours: a model that
    /// arrived is checked, and copied into one, before.
    ///
    /// - Parameter model: what `parsed` gave.
    func session(of model: Model, options: SessionOptions) throws(Failure) -> Session {
        let locations = model.externalDataLocations
        var files: [ExternalFile] = []
        defer {
            for file in files { if case .descriptor(let descriptor, _) = file.contents { close(descriptor) } }
        }
        for location in locations {
            let file = (path as NSString).deletingLastPathComponent + "/" + location
            let descriptor = open(file, O_RDONLY | O_NOFOLLOW | O_CLOEXEC)
            var status = stat()
            guard descriptor >= 0, fstat(descriptor, &status) == 0 else {
                throw Failure(
                    .modelUnavailable, what: "its external data cannot be read: \(String(cString: strerror(errno)))", place: file,
                    remedy: "Restore the version's folder, or activate another version.")
            }
            files.append(ExternalFile(name: location, contents: .descriptor(descriptor, byteCount: Int(status.st_size))))
        }
        let runnable = try tunedBytes(model)
        do throws(EngineError) {
            return try Session(model: runnable, externalData: .files(files), options: options)
        } catch {
            throw Failure(.badModel, what: "\(error)", place: path, remedy: error.remedy)
        }
    }

    /// What stands in the file, or with an adapter the model that it makes: its weights lie in the graph then, the others where they were.
    private func tunedBytes(_ model: Model) throws(Failure) -> Data {
        guard let adapter else { return bytes }
        do { return try adapter.adapter.merged(into: model).serialized() } catch {
            throw Failure(.badModel, what: "\(error)", place: path, remedy: "Merge the adapter with `millrace merge`, or train it again.")
        }
    }
}

/// A model and the adapter that makes another one of it, as one.
package enum TunedModel {
    /// The adapter that belongs to a model that nobody said more of: the one beside it, if there is one.
    package static func adapter(of model: String, given: String? = nil) -> String? {
        if let given { return given }
        let beside = (model as NSString).deletingLastPathComponent + "/" + Card.adapterFile
        return FileManager.default.fileExists(atPath: beside) ? beside : nil
    }

    /// What tells both together from others.
    package static func digest(of model: String, adapter: String? = nil) throws(LandingError) -> String {
        let companions = Self.adapter(of: model, given: adapter).map { [(name: Card.adapterFile, path: FilePath($0))] } ?? []
        return try FileDigest.ofModel(at: FilePath(model), companions: companions).digest
    }
}

extension EngineError {
    var remedy: String {
        switch self {
        case .unsupportedOperator: "Export the model with operators and an opset that the engine has."
        case .libraryTooOld: "Run Scripts/setup."
        default: "Export the model again, and check it with `millrace inspect`."
        }
    }
}
