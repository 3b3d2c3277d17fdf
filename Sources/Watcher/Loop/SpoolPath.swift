internal import Names

/// Paths that are relative to a spool, whose own path is empty.
enum SpoolPath {
    static func join(_ directory: String, _ name: String) -> String { directory.isEmpty ? name : directory + "/" + name }

    /// Returns whether `path` is `directory` itself or lies below it.
    static func isWithin(_ path: String, _ directory: String) -> Bool {
        directory.isEmpty || path.isName(directory)
            || (path.utf8.starts(with: directory.utf8) && path.utf8.dropFirst(directory.utf8.count).first == 0x2F)
    }

    static func split(_ path: String) -> (directory: String, name: Substring) {
        guard let slash = path.utf8.lastIndex(of: 0x2F) else { return ("", path[...]) }
        return (String(path[..<slash]), path[path.utf8.index(after: slash)...])
    }
}
