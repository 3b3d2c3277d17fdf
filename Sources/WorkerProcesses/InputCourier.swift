import Arrivals
package import Attempts
import FileSystem
import SystemPackage

/// Finds what goes to a worker with the order to score a file, so that the worker need not open it by its name: the content of a small one,
/// which was read for its digest, or the open file. Where neither can be had, as for a file that is gone, the worker finds out why.
package struct InputCourier: Sendable {
    /// The contents that were read for digests; nil where nobody keeps them.
    private let contents: SmallContents?

    package init(contents: SmallContents?) { self.contents = contents }

    /// Returns what goes to the worker with the order.
    /// - Parameter isLocal: whether the worker can be given an open file.
    /// - Returns: the content or the open file, which the caller closes; nil where the worker is to open the file.
    package func data(of input: AttemptSpec.InputFile, isLocal: Bool) -> AttemptData? {
        let size = input.stamp?.size ?? .max
        // A file that was removed or changed since is not scored.
        if size <= SmallContents.largest, let content = contents?.take(input.digest),
            (try? FileDigest.stamp(FilePath(input.path))) == input.stamp
        {
            return .content(content)
        }
        guard isLocal || size <= SmallContents.largest, input.companions.isEmpty, let spool = input.spool,
            let relative = SpoolAccess.relative(input.path, to: spool),
            let file = try? SpoolAccess(root: FilePath(spool)).open(relative)
        else { return nil }
        if isLocal { return .file(file) }
        defer { Disk.close(file) }
        guard var hashing = try? FileHashing(file, named: FilePath(input.path), keptBytes: SmallContents.largest),
            let found = try? hashing.finish(), found.digest == input.digest, let content = hashing.content
        else { return nil }
        return .content(content)
    }
}
