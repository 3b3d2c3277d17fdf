import Foundation
import ONNX
import SystemPackage

/// Puts what a command made in its place: whole or not at all.
enum Placing {
    /// Weights files first, so that the graph never names what is not there.
    /// - Parameter staging: a folder on the same file system, which is made and removed.
    static func model(_ model: Model, at target: URL, staging: String) throws {
        try? FileManager.default.removeItem(atPath: staging)
        try FileManager.default.createDirectory(atPath: staging, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(atPath: staging) }
        let written: [String]
        do { written = try model.write(to: staging + "/" + target.lastPathComponent) } catch { throw fail("\(target.lastPathComponent): \(error)") }
        let folder = target.deletingLastPathComponent().path
        for path in written {
            let file = try FileDescriptor.open(path, .readOnly)
            let isSynced = fsync(file.rawValue) == 0
            try file.close()
            let place = folder + "/" + (path as NSString).lastPathComponent
            guard isSynced, rename(path, place) == 0 else {
                throw fail("\(target.path) cannot be written: \(String(cString: strerror(errno))). Its folder and \(staging) must be on one file system.")
            }
        }
        let directory = try FileDescriptor.open(folder, .readOnly)
        fsync(directory.rawValue)
        try directory.close()
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
