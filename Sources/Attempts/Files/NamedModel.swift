package import FileSystem
import Foundation
package import SystemPackage

/// Opens the files of a model by their names: its graph, the files of external data below its folder, and the adapter.
package struct NamedModel: Sendable {
    package let path: String
    /// The path of the adapter; nil takes the one in the model's folder, if there is one.
    package let adapter: String?

    /// The end of the name of the file in which a model of ours has its weights.
    package static let weightsSuffix = ".data"

    package init(_ path: String, adapter: String? = nil) {
        self.path = path
        self.adapter = adapter
    }

    package func open(_ part: ModelPart) throws(FileSystemError) -> FileDescriptor {
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

    /// Returns the digest of the model together with its adapter, where it has one.
    package func digest() throws(FileSystemError) -> String { try Self.digest(of: path, adapter: adapter, open: open) }

    /// Returns the digest of a model together with its adapter, where it has one.
    /// - Parameters:
    ///   - adapter: the path of the adapter; nil where the model may have one in its folder, or none.
    ///   - open: opens a file of the model.
    package static func digest(
        of path: String, adapter: String?, open: (ModelPart) throws(FileSystemError) -> FileDescriptor
    ) throws(FileSystemError) -> String {
        func digest(_ part: ModelPart, _ path: String) throws(FileSystemError) -> String {
            let file = try open(part)
            defer { Disk.close(file) }
            return try FileDigest.of(file, named: FilePath(path)).digest
        }
        let own = try digest(.graph, path)
        let added: String
        do throws(FileSystemError) { added = try digest(.adapter, adapter ?? Self.adapter(beside: path)) } catch {
            if case .missing = error, adapter == nil { return own }
            throw error
        }
        return FileDigest.ofModel(digest: own, companions: [(VersionFile.adapter, added)])
    }

    /// Returns the path that an adapter in the model's folder has.
    package static func adapter(beside model: String) -> String {
        (model as NSString).deletingLastPathComponent + "/" + VersionFile.adapter
    }

    private static func folder(of model: String) -> FilePath {
        let folder = FilePath(model).removingLastComponent()
        return folder.isEmpty ? "." : folder
    }
}
