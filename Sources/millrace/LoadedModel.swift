import ArgumentParser
import Foundation
import Landing
import ONNX
import Runner
import SystemPackage
import Training

/// The model that a command names; messages name it too.
func loadedModel(_ path: String) throws -> Model {
    guard FileManager.default.fileExists(atPath: path) else { throw fail("\(path): there is no such file.") }
    do {
        return try Model.load(path: path)
    } catch {
        throw fail("\(path): \(error)")
    }
}

/// An adapter that was trained beside `model`, and no other.
func loadedAdapter(_ path: String, of model: String) throws -> AdapterFile {
    guard FileManager.default.fileExists(atPath: path) else { throw fail("\(path): there is no such file.") }
    let digest = try FileDigest.of(FilePath(model)).digest
    do throws(TrainingError) { return try AdapterFile(reading: path, beside: model, digest: digest) } catch { throw fail(error) }
}
