package import FileSystem
import Foundation
import SystemPackage

/// Opens the files of a model by their names: its graph, the files of external data below its folder, and the adapter.
struct NamedModel: Sendable {
    let path: String
    /// The path of the adapter; nil takes the one in the model's folder, if there is one.
    let adapter: String?

    /// The end of the name of the file in which a model of ours has its weights.
    static let weightsSuffix = ".data"

    init(_ path: String, adapter: String? = nil) {
        self.path = path
        self.adapter = adapter
    }

    func open(_ part: ModelPart) throws(FileSystemError) -> FileDescriptor {
        switch part {
        case .graph: return try FileDigest.open(FilePath(path))
        case .adapter: return try FileDigest.open(FilePath(adapter ?? Self.adapter(beside: path)))
        case .weights(let components):
            // No link is followed anywhere below the folder.
            let folder = Self.folder(of: path)
            return try HeldFolder(Disk.open(folder, .readOnly, .directory, doing: "read"), named: folder)
                .open(components.joined(separator: "/"))
        }
    }

    /// Returns the path that an adapter in the model's folder has.
    static func adapter(beside model: String) -> String { (model as NSString).deletingLastPathComponent + "/" + VersionFile.adapter }

    private static func folder(of model: String) -> FilePath {
        let folder = FilePath(model).removingLastComponent()
        return folder.isEmpty ? "." : folder
    }
}

/// Treats a model and the adapter that makes another model of it as one.
package enum TunedModel {
    /// Returns the adapter of a model if none is given: the one in the same folder, if there is one.
    package static func adapter(of model: String, given: String? = nil) -> String? {
        if let given { return given }
        let beside = NamedModel.adapter(beside: model)
        return FileManager.default.fileExists(atPath: beside) ? beside : nil
    }

    /// Returns the digest of both together.
    package static func digest(of model: String, adapter: String? = nil) throws(FileSystemError) -> String {
        try ModelSource(named: NamedModel(model, adapter: adapter)).digest()
    }
}
