import Dispatch
import FileSystem
import Synchronization

/// Reads an output for its digest while it is written, on a thread of libdispatch, so that little is left to read after the last row.
final class FollowedOutput: Sendable {
    private let hashing: Mutex<FileHashing>
    private let queue = DispatchQueue(label: "digest of the output")

    init(_ hashing: sending FileHashing) { self.hashing = Mutex(hashing) }

    /// Reads what is there by now, later. Where that fails, `finish` gives what was read before, and whoever goes on meets the error again.
    func follow() { queue.async { [self] in hashing.withLock { try? $0.follow() } } }

    /// Waits for the thread, and returns what was read so far.
    func finish() -> FileHashing { queue.sync { hashing.withLock { $0 } } }
}
