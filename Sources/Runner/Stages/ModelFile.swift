import Engine
import Foundation
import Landing
import ONNX

/// A model's bytes, read once with `pread` and checked against the digest that it was numbered or published with.
struct ModelFile {
    let path: String
    let bytes: Data
    let digest: String

    /// - Parameter expected: the digest of the file alone; nil where only its external data's is known with it.
    init(_ path: String, expected: String?) throws(Failure) {
        guard let bytes = FileManager.default.contents(atPath: path) else {
            throw Failure(.inputGone, what: "the model cannot be read", place: path, remedy: "Put it back, or drop it again.")
        }
        let digest = FileDigest.of(bytes: bytes)
        if let expected, expected != digest {
            throw Failure(.inputChanged, what: "the model is not the one that was expected", place: path, remedy: "It is taken up again when it is quiet.")
        }
        self.path = path
        self.bytes = bytes
        self.digest = digest
    }

    func parsed() throws(Failure) -> Model {
        do throws(ONNXError) {
            var model = try Model(serialized: bytes)
            model.directory = (path as NSString).deletingLastPathComponent
            return model
        } catch {
            throw Failure(.badModel, what: "\(error)", place: path, remedy: "Export the model again, and check it with `millrace inspect`.")
        }
    }

    /// A session over these bytes and the external data that they name. Only for models in folders of ours: a model that arrived is
    /// checked, and copied into one, before.
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
        do throws(EngineError) {
            return try Session(model: bytes, externalData: .files(files), options: options)
        } catch {
            throw Failure(.badModel, what: "\(error)", place: path, remedy: error.remedy)
        }
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
