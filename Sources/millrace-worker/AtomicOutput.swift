import FileSystem
import Foundation
import ONNX
import Reports
import SystemPackage
import Terminal

/// Puts what a command made in its place: whole or not at all.
enum AtomicOutput {
    /// Writes a model. Its weights files come first, so that the graph never names what is not there.
    static func model(_ model: Model, at target: URL) throws {
        let name = target.lastPathComponent, folder = FilePath(target.deletingLastPathComponent().path)
        // The model is staged beside its place, since checkpoints may be on another file system.
        let staging = DurableFile.staging(for: folder.appending(name)).string
        try? FileManager.default.removeItem(atPath: staging)
        try FileManager.default.createDirectory(atPath: staging, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(atPath: staging) }
        var model = model
        model.mergeImports()
        do {
            for path in try model.write(to: staging + "/" + name) {
                try DurableFile.publish(FilePath(path), as: folder.appending((path as NSString).lastPathComponent))
            }
        } catch { throw fail("\(target.path): \(error)") }
    }

    /// Returns the place of an output. Throws where its folder does not exist, or where something is there that may not be replaced.
    static func target(_ path: String, replacing: Bool) throws -> URL {
        if !replacing, FileManager.default.fileExists(atPath: path) { throw fail("\(path) is there. Name another file, or give --force.") }
        let target = URL(fileURLWithPath: path).standardizedFileURL
        let folder = target.deletingLastPathComponent().path
        guard FileManager.default.fileExists(atPath: folder) else { throw fail("\(path): there is no folder \(shownPath(folder)).") }
        return target
    }
}
