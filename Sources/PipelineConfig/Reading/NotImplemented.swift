/// The keys that the product plans and this version lacks: each is refused by name wherever it stands, never ignored. The version that
/// implements one deletes its line here and reads the key in `PipelineReader`.
package enum NotImplemented {
    /// Dotted paths, `[]` for any place in a list.
    package static let keys = [
        "stages[].optimize.graph",
        "stages[].optimize.precision",
        "land.outputs.compression",
        "limits.memory",
    ]

    static func contains(_ path: String) -> Bool { keys.contains(withoutIndexes(path)) }

    /// The planned keys of the mapping at `path`, for spelling.
    static func keys(in path: String) -> [String] {
        let prefix = path.isEmpty ? "" : withoutIndexes(path) + "."
        return keys.filter { $0.hasPrefix(prefix) }.map { String($0.dropFirst(prefix.count)) }.filter { !$0.contains(".") }
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
