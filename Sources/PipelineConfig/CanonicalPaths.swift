internal import Foundation

/// Makes paths comparable, whether or not the folders exist yet.
package enum CanonicalPaths {
    /// Returns the path absolute and without `.`, `..`, doubled or trailing slashes. It only looks at the text: links are not followed.
    package static func absolute(_ path: String, root: String) -> String {
        let base = root.hasPrefix("/") ? root : FileManager.default.currentDirectoryPath + "/" + root
        var parts: [Substring] = []
        for part in (path.hasPrefix("/") ? path : base + "/" + path).split(separator: "/") where part != "." {
            if part == ".." { _ = parts.popLast() } else { parts.append(part) }
        }
        return "/" + parts.joined(separator: "/")
    }

    /// Returns the absolute path with the links of its existing part followed.
    package static func real(_ path: String) -> String {
        var existing = path
        var missing: [String] = []
        while existing != "/" && !existing.isEmpty {
            if let resolved = realpath(existing, nil) {
                defer { free(resolved) }
                let base = String(cString: resolved)
                return ([base == "/" ? "" : base] + missing.reversed()).joined(separator: "/")
            }
            let slash = existing.lastIndex(of: "/") ?? existing.startIndex
            missing.append(String(existing[existing.index(after: slash)...]))
            existing = String(existing[..<slash])
        }
        return path
    }

    /// Returns whether `inner` is `outer` or lies below it. Both must be absolute.
    package static func contains(_ outer: String, _ inner: String) -> Bool {
        inner == outer || inner.hasPrefix(outer == "/" ? "/" : outer + "/")
    }

    /// Returns every directory that `pipeline` needs, parents before children, each of them once.
    package static func folders(of pipeline: Pipeline) -> [String] {
        Array(Set(pipeline.places.map(\.path))).sorted()
    }
}

extension Pipeline {
    /// Describes a directory that the pipeline reads or writes, with the key that names it.
    struct UsedPath {
        enum Role: String {
            case spool = "a spool"
            case models = "the models' landing"
            case outputs = "the outputs' landing"
            case quarantine = "a quarantine"
            case archive = "an archive"
        }

        let role: Role
        let key: String
        let path: String
    }

    var places: [UsedPath] {
        var places: [UsedPath] = []
        func add(_ role: UsedPath.Role, _ key: String, _ path: String?) {
            if let path { places.append(UsedPath(role: role, key: key, path: path)) }
        }
        add(.spool, "spool.models.path", spool.models?.path)
        add(.spool, "spool.labelled.path", spool.labelled?.path)
        add(.spool, "spool.data.path", spool.data?.path)
        add(.models, "land.models.path", land.models?.path)
        add(.outputs, "land.outputs.path", land.outputs?.path)
        if case .archive(let path) = after { add(.archive, "archive", path) }
        add(.quarantine, "on_error.quarantine", onError.quarantine)
        return places
    }
}
