package import SystemPackage

/// Lists the names of files in the folder of a version.
package enum VersionFile {
    package static let model = "model.onnx"
    /// The low-rank factors that belong to the model; the model is then the one that they were trained beside.
    package static let adapter = "adapter.safetensors"
    /// The subfolder that has the model as it was before graph passes, while a version is being made.
    package static let originalFolder = "original"
}

extension FileDigest {
    /// Returns one digest for a model and the files it names: the digest of the model file alone when it names none, else the digest of the
    /// canonical list of digests, the model first and the others by name in byte order. The model's own name is no part of it; the names
    /// inside it are.
    package static func ofModel(digest: String, companions: [(name: String, digest: String)]) -> String {
        guard !companions.isEmpty else { return digest }
        var list = "model\u{0}\(digest)\n"
        for companion in companions.sorted(by: { $0.name.utf8.lexicographicallyPrecedes($1.name.utf8) }) {
            list += "\(companion.name)\u{0}\(companion.digest)\n"
        }
        return of(bytes: list.utf8)
    }

    /// Returns the digest of the model in a version directory: that of `model.onnx`, with that of its adapter where it has one. Nil
    /// without a model.
    package static func ofVersion(_ files: [(name: String, digest: String)]) -> String? {
        guard let graph = files.first(where: { $0.name == VersionFile.model }) else { return nil }
        return ofModel(digest: graph.digest, companions: files.filter { $0.name == VersionFile.adapter })
    }

    /// Returns the digest as above from the files themselves, with each file's own digest and stamp, the model first.
    package static func ofModel(
        at path: FilePath, companions: [(name: String, path: FilePath)]
    ) throws(FileSystemError) -> (digest: String, files: [Digested]) {
        var files = [try of(path)]
        var named: [(name: String, digest: String)] = []
        for companion in companions {
            let file = try of(companion.path)
            files.append(file)
            named.append((companion.name, file.digest))
        }
        return (ofModel(digest: files[0].digest, companions: named), files)
    }
}
