package import FileSystem
package import SystemPackage

/// Removes an output whose input was deleted, or whose input now has its output elsewhere, if it is still what was published.
package enum OutputWithdrawal {
    package enum Outcome: Hashable, Sendable { case removed, notOurs }

    /// Removes the file where it has that digest; the directories above it stay. A file that is not there counts as removed. The caller
    /// syncs the directory of `target`, once for all outputs of a round.
    package static func remove(_ target: FilePath, digest: String) throws(FileSystemError) -> Outcome {
        guard let status = try Disk.status(target) else { return .removed }
        guard status.kind == .regular else { return .notOurs }
        let found = try FileDigest.of(target)
        // The stamp is compared again: hashing takes time, and someone may have put a file of theirs there meanwhile.
        guard found.digest == digest, try Disk.status(target)?.stamp == found.stamp else { return .notOurs }
        try Disk.remove(target)
        return .removed
    }

    package static func sync(directory: FilePath) throws(FileSystemError) { try Disk.sync(directory: directory) }
}

extension OutputNaming {
    /// Returns whether this naming may have given `path` to `input`, whatever the facts of its arrival were.
    package func mayHaveNamed(_ path: String, for input: String) -> Bool {
        guard let plain = try? OutputNaming(fileExtension: fileExtension).path(for: input, facts: .none) else {
            return false
        }
        let parts = path.split(separator: "/")
        let own = plain.split(separator: "/")
        return parts.count == own.count + partitionBy.count && parts.suffix(own.count).elementsEqual(own)
            && zip(parts, partitionBy).allSatisfy { $0.hasPrefix($1.rawValue + "=") }
    }
}

/// Finds the place where `Disposal` and `Quarantine` have put an input.
package enum PutAway {
    /// Returns the file below one of `roots` that has the content of an input, with what belongs to it; nil where there is none. Where only
    /// one file can be meant, it is not hashed, because it may be large: the caller compares the digest when it reads the file.
    package static func find(
        _ relative: FilePath, digest: String, companions: [(name: String, digest: String)], below roots: [FilePath]
    ) throws(FileSystemError) -> FilePath? {
        guard companions.isEmpty else {
            for root in roots {
                if let found = try findSet(relative, digest: digest, companions: companions, below: root) { return found }
            }
            return nil
        }
        var candidates: [FilePath] = []
        for root in roots { candidates += try Self.candidates(root.pushing(relative)) }
        if candidates.count <= 1 { return candidates.first }
        for candidate in candidates where try FileDigest.of(candidate).digest == digest { return candidate }
        return nil
    }

    /// Returns the files that have this name, or the name with a number that another content got.
    private static func candidates(_ path: FilePath) throws(FileSystemError) -> [FilePath] {
        // The first of these files may have been removed since.
        var found: [FilePath] = []
        for number in 1... {
            let candidate = CollisionFreeName.name(path, number)
            let status = try Disk.status(candidate)
            if status?.kind == .regular { found.append(candidate) }
            if status == nil, number > 1 { break }
        }
        return found
    }

    /// Finds a model with external data, whose files stand together.
    private static func findSet(
        _ relative: FilePath, digest: String, companions: [(name: String, digest: String)], below root: FilePath
    ) throws(FileSystemError) -> FilePath? {
        for number in 1... {
            let top = ModelSet.folder(number, below: root)
            if number > 1, !Disk.isDirectory(top) { return nil }
            let model = top.pushing(relative)
            let named = companions.map { (name: $0.name, path: model.removingLastComponent().pushing(FilePath($0.name))) }
            var isWhole = true
            for file in [model] + named.map(\.path) where isWhole { isWhole = try Disk.status(file)?.kind == .regular }
            if isWhole, try FileDigest.ofModel(at: model, companions: named).digest == digest { return model }
        }
        return nil
    }
}
