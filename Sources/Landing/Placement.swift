import FileSystem
import SystemPackage

/// Makes one staged file visible under its final name, in one step that either happens or does not.
enum Placement {
    enum Result { case placed, replaced, alreadyThere }

    /// Places the file, and replaces only a file that has a digest of `replaces`, which are what we published there before, or that has
    /// `mark`, which also shows that we published it. A file that has the new digest already is the result of an earlier attempt and counts
    /// as done. The directory of `target` must exist; the caller syncs it.
    static func place(
        _ staged: FilePath, at target: FilePath, digest: String, replaces: [String], mark: OutputMark? = nil
    ) throws(FileSystemError) -> Result {
        switch Disk.renameKeeping(staged, target) {
        case nil: return .placed
        case .fileExists?: return try replace(staged, at: target, digest: digest, replaces: replaces, mark: mark)
        case .invalidArgument?, .noFunction?, .notSupported?:
            return try placeByLink(staged, at: target, digest: digest, replaces: replaces, mark: mark)
        case let failure?: throw Disk.renameFailure(failure, staged, target)
        }
    }

    /// Places the file by `link` and `unlink`, which FUSE needs: a link never replaces, and for a moment the file has both names.
    static func placeByLink(
        _ staged: FilePath, at target: FilePath, digest: String, replaces: [String], mark: OutputMark? = nil
    ) throws(FileSystemError) -> Result {
        switch Disk.link(staged, target) {
        case nil:
            try Disk.remove(staged)
            return .placed
        case .fileExists?: return try replace(staged, at: target, digest: digest, replaces: replaces, mark: mark)
        case .notPermitted?, .notSupported?, .noFunction?: throw .noAtomicPublish(target)
        case let failure?: throw Disk.renameFailure(failure, staged, target)
        }
    }

    private static func replace(
        _ staged: FilePath, at target: FilePath, digest: String, replaces: [String], mark: OutputMark? = nil
    ) throws(FileSystemError) -> Result {
        guard let status = try Disk.status(target) else {
            // The file was removed between the two calls.
            return try place(staged, at: target, digest: digest, replaces: replaces, mark: mark)
        }
        guard status.kind == .regular else { throw .targetNotOurs(target, found: nil, published: replaces.first) }
        let found = try FileDigest.of(target)
        if found.digest == digest {
            try Disk.sync(file: target)
            try Disk.remove(staged)
            return .alreadyThere
        }
        // The stamp is compared again: hashing takes time, and someone may have put a file of theirs there meanwhile.
        guard replaces.contains(found.digest) || mark?.stands(on: target, digest: found.digest) == true,
            try Disk.status(target)?.stamp == found.stamp
        else {
            throw .targetNotOurs(target, found: found.digest, published: replaces.first)
        }
        FaultPoint.reach(.landReplace)
        if let failure = Disk.renameReplacing(staged, target) { throw Disk.renameFailure(failure, staged, target) }
        return .replaced
    }
}
