import FileSystem
import Foundation
import ONNX
import Reports
import SystemPackage
import Terminal

/// Puts what a command made in its place: whole or not at all.
enum AtomicOutput {
    /// Weights files first, so that the graph never names what is not there.
    static func model(_ model: Model, at target: URL) throws {
        let name = target.lastPathComponent, folder = FilePath(target.deletingLastPathComponent().path)
        // Checkpoints may be on another file system.
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

    /// - Returns: where `path` is, in a folder that exists, where nothing stands unless it may be replaced.
    static func target(_ path: String, replacing: Bool) throws -> URL {
        if !replacing, FileManager.default.fileExists(atPath: path) { throw fail("\(path) is there. Name another file, or give --force.") }
        let target = URL(fileURLWithPath: path).standardizedFileURL
        let folder = target.deletingLastPathComponent().path
        guard FileManager.default.fileExists(atPath: folder) else { throw fail("\(path): there is no folder \(shownPath(folder)).") }
        return target
    }
}
