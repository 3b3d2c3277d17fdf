import SystemPackage

/// Makes one staged file visible under its final name, in one step that either happens or does not.
enum Placement {
    enum Result { case placed, replaced, alreadyThere }

    /// Replaces only a file with a digest of `replaces`, which are what we published there before, or with `mark`, which says so. A file
    /// that has the new digest already is the trace of an earlier try and counts as done. The directory of `target` exists; it is synced by
    /// the caller.
    static func place(
        _ staged: FilePath, at target: FilePath, digest: String, replaces: [String], mark: OutputMark? = nil
    ) throws(LandingError) -> Result {
        switch Disk.renameKeeping(staged, target) {
        case nil: return .placed
        case .fileExists?: return try replace(staged, at: target, digest: digest, replaces: replaces, mark: mark)
        case .invalidArgument?, .noFunction?, .notSupported?:
            return try placeByLink(staged, at: target, digest: digest, replaces: replaces, mark: mark)
        case let failure?: throw renameFailure(failure, staged, target)
        }
    }

    /// What FUSE is left with: a link never replaces, and for a moment the file has both names.
    static func placeByLink(
        _ staged: FilePath, at target: FilePath, digest: String, replaces: [String], mark: OutputMark? = nil
    ) throws(LandingError) -> Result {
        switch Disk.link(staged, target) {
        case nil:
            try Disk.remove(staged)
            return .placed
        case .fileExists?: return try replace(staged, at: target, digest: digest, replaces: replaces, mark: mark)
        case .notPermitted?, .notSupported?, .noFunction?: throw .noAtomicPublish(target)
        case let failure?: throw renameFailure(failure, staged, target)
        }
    }

    private static func replace(
        _ staged: FilePath, at target: FilePath, digest: String, replaces: [String], mark: OutputMark? = nil
    ) throws(LandingError) -> Result {
        guard let status = try Disk.status(target) else {
            // It went away between the two calls.
            return try place(staged, at: target, digest: digest, replaces: replaces, mark: mark)
        }
        guard status.kind == .regular else { throw .targetNotOurs(target, found: nil, published: replaces.first) }
        let found = try FileDigest.of(target)
        if found.digest == digest {
            try Disk.sync(file: target)
            try Disk.remove(staged)
            return .alreadyThere
        }
        // The stamp again: hashing takes time, and someone may have put a file of theirs there meanwhile.
        guard replaces.contains(found.digest) || mark?.stands(on: target, digest: found.digest) == true,
            try Disk.status(target)?.stamp == found.stamp
        else {
            throw .targetNotOurs(target, found: found.digest, published: replaces.first)
        }
        if let failure = Disk.renameReplacing(staged, target) { throw renameFailure(failure, staged, target) }
        return .replaced
    }

    /// Renames a durable file over `target` and makes that durable. Only for names that are ours by definition.
    static func replaceOurs(_ target: FilePath, by staged: FilePath) throws(LandingError) {
        if let failure = Disk.renameReplacing(staged, target) { throw renameFailure(failure, staged, target) }
        let directory = target.removingLastComponent()
        try Disk.sync(directory: directory.isEmpty ? "." : directory)
    }

    static func renameFailure(_ failure: Errno, _ from: FilePath, _ to: FilePath) -> LandingError {
        switch failure {
        case .improperLink: .crossMount(from: from, to: to)
        case .noSuchFileOrDirectory where (try? Disk.status(from)) != .some(nil): Disk.error("publish", to, failure)
        case .noSuchFileOrDirectory: .missing(from)
        default: Disk.error("publish", to, failure)
        }
    }
}
