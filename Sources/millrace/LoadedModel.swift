import ArgumentParser
import Foundation
import ONNX

/// The model that a command names; messages name it too.
func loadedModel(_ path: String) throws -> Model {
    guard FileManager.default.fileExists(atPath: path) else { throw fail("\(path): there is no such file.") }
    do {
        return try Model.load(path: path)
    } catch {
        throw fail("\(path): \(error)")
    }
}
