import Attempts
import FileSystem
import Glibc
import Synchronization
import SystemPackage

/// Gives ranges of a large file to workers of other machines, in the name of the machine whose attempt scores the file: claims hold on one
/// machine only, and no two write the same name. What another machine has written is compared with its answer, and then becomes a part like
/// any other.
final class RangeBroker: Sendable {
    private let folder: FilePath
    private let claims: RangeClaims
    private let count: Int
    /// The ranges that were given and not ended. The kernel lets one open file claim a range twice.
    private let given = Mutex<Set<Int>>([])

    /// Holds as much of a plan as is needed to know the number of ranges.
    private struct Plan: Decodable {
        struct Ranges: Decodable { var ranges: [Range] }
        struct Range: Decodable {}
        var ranges: Ranges
    }

    /// - Parameter parts: the path of the folder of parts, in which the attempt has made a plan. Nil where there is none yet.
    init?(_ parts: String) {
        folder = FilePath(parts)
        let path = folder.appending(RangeClaims.fileName)
        guard let plan = try? JSONFile.decode(Plan.self, from: folder.appending(RangeClaims.planName)), plan.ranges.ranges.count > 1,
            let file = try? Disk.open(path, .readWrite, .noFollow, doing: "claim a range in")
        else { return nil }
        count = plan.ranges.ranges.count
        claims = RangeClaims(file, path)
    }

    /// Claims the first range that nobody has begun; nil where there is none.
    func claim() -> Int? {
        given.withLock { given in
            for range in 0..<count where !given.contains(range) && !claims.isFinished(range) && claims.claim(range) {
                // It may have been finished just before it was claimed.
                if !claims.isFinished(range) {
                    given.insert(range)
                    return range
                }
                claims.release(range)
            }
            return nil
        }
    }

    /// Ends a claim.
    /// - Parameter part: what another machine has written; nil where it has not.
    func end(_ range: Int, _ part: AttemptResult.WrittenFile?) {
        guard given.withLock({ $0.contains(range) }) else { return }
        defer {
            given.withLock { given in
                claims.release(range)
                given.remove(range)
            }
        }
        guard let part, FilePath(part.path).removingLastComponent() == folder, (try? AwayFolder.awaitFile(part)) != nil else { return }
        guard Disk.renameReplacing(FilePath(part.path), folder.appending(RangeClaims.partName(range))) == nil else { return }
        try? claims.mark(range, isFinished: true)
    }
}

/// Gives ranges of the file of one attempt to others.
protocol RangeOwner: Sendable {
    /// The path of the folder of parts.
    var parts: String { get }
    func claim() -> Int?
    func end(_ range: Int, _ part: AttemptResult.WrittenFile?)
}

/// Gives ranges of a file that is scored on this machine.
final class OwnRanges: RangeOwner {
    let parts: String
    private let broker = OnceMade<RangeBroker>()

    init(parts: String) { self.parts = parts }

    func claim() -> Int? { broker.value { RangeBroker(parts) }?.claim() }
    func end(_ range: Int, _ part: AttemptResult.WrittenFile?) { broker.value { RangeBroker(parts) }?.end(range, part) }
}
