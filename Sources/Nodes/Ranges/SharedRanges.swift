import Attempts
import Synchronization

/// Knows which large files are scored now, and by whom, so that workers that are free help.
final class SharedRanges: Sendable {
    private let owners = Mutex<[String: any RangeOwner]>([:])

    /// Lets others have ranges of a file while `body` runs.
    /// - Parameter parts: the folder of parts as the attempt's spec names it.
    func with<Result>(_ owner: any RangeOwner, of parts: String, _ body: () -> Result) -> Result {
        owners.withLock { $0[parts] = owner }
        defer { owners.withLock { $0[parts] = nil } }
        return body()
    }

    /// Returns who gives ranges of the file of an attempt; nil where nobody does.
    func owner(_ parts: String) -> (any RangeOwner)? { owners.withLock { $0[parts] } }
}
