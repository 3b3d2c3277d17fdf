/// Names the two kinds of files that an operator writes.
enum ConfigurationFile {
    case pipeline
    /// The file is `ROOT/millrace.yaml`.
    case root

    /// Returns where a key belongs that belongs in the other kind of file; nil for other keys.
    func place(of key: String) -> String? {
        switch self {
        case .pipeline where PipelineReader.keys.contains(key): nil
        case .root where RootReader.keys.contains(key): nil
        case .pipeline: RootReader.keys.contains(key) || NotImplemented.rootKeys.contains(key) ? "it stands in ROOT/millrace.yaml" : nil
        case .root: PipelineReader.keys.contains(key) ? "it stands in each pipeline" : nil
        }
    }
}

/// Lists the keys that the product plans and this version does not have: each is refused by name in every place, never ignored. The version
/// that implements one deletes its line here and reads the key in `PipelineReader` or `RootReader`.
package enum NotImplemented {
    /// The dotted paths, with `[]` for any place in a list.
    package static let keys = [
        "land.outputs.compression"
    ]

    /// The keys of `ROOT/millrace.yaml`.
    package static let rootKeys = ["listen", "land.outputs.compression"]

    static func contains(_ path: String, in file: ConfigurationFile) -> Bool { all(file).contains(withoutIndexes(path)) }

    private static func all(_ file: ConfigurationFile) -> [String] {
        switch file {
        case .pipeline: keys
        case .root: rootKeys
        }
    }

    /// Returns the planned keys of the mapping at `path`, to correct the spelling of others.
    static func keys(in path: String, of file: ConfigurationFile) -> [String] {
        let prefix = path.isEmpty ? "" : withoutIndexes(path) + "."
        return all(file).filter { $0.hasPrefix(prefix) }.map { String($0.dropFirst(prefix.count)) }.filter { !$0.contains(".") }
    }

    private static func withoutIndexes(_ path: String) -> String {
        var result = ""
        var inIndex = false
        for character in path {
            if character == "]" { inIndex = false }
            if !inIndex { result.append(character) }
            if character == "[" { inIndex = true }
        }
        return result
    }
}
