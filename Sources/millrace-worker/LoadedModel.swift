import ArgumentParser
import Columnar
import FileSystem
import Foundation
import ONNX
import Reports
import Runner
import SystemPackage
import Terminal
import Training
import Watcher

/// Loads the model that a command names. Messages about faults name it too.
func loadedModel(_ path: String) throws -> Model {
    guard FileManager.default.fileExists(atPath: path) else { throw fail("\(path): there is no such file.") }
    try refuseForeign(path)
    do {
        return try Model.load(path: path)
    } catch {
        throw fail("\(path): \(error)")
    }
}

/// Throws at once for a file whose content cannot be a model or a table, and says what the content is.
func refuseForeign(_ path: String) throws {
    guard let foreign = ForeignContent(path: path) else { return }
    // A JSON Lines file without a line is a table without rows.
    if foreign == .empty, TableFormat(fileName: path)?.kind == .jsonLines { return }
    throw fail("\(path): \(foreign.reason).")
}

/// Loads an adapter, which must have been trained for `model`.
func loadedAdapter(_ path: String, of model: String) throws -> AdapterFile {
    guard FileManager.default.fileExists(atPath: path) else { throw fail("\(path): there is no such file.") }
    let digest = try FileDigest.of(FilePath(model)).digest
    do throws(TrainingError) { return try AdapterFile(reading: path, beside: model, digest: digest) } catch { throw fail(error) }
}
