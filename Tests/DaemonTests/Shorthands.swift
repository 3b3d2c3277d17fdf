import FileSystem
import Landing
import PipelineConfig

@testable import Daemon

extension BoundedQueue {
    /// The next element; nil when the queue is closed and empty, or `timeout` has passed.
    func take(timeout: Duration? = nil) -> Element? { take(upTo: 1, timeout: timeout).first }
}

extension Scheduler {
    /// At most `room` starts.
    func starts(now: Duration, room: Int) -> [Start] {
        var left = room
        return starts(now: now) { _ in
            left -= 1
            return left >= 0
        }
    }
}

extension DiskPublisher {
    /// A publisher without claims.
    convenience init(root: String, pipelines: [Pipeline]) throws(FileSystemError) {
        try self.init(root: root, pipelines: pipelines, claims: nil)
    }
}

extension DiskPublisher {
    /// Publishes outputs against which nothing stands in the ledger.
    func publish(_ outputs: [StagedOutput]) throws(FileSystemError) -> PublishingRound.Results {
        let round = try begin(outputs)
        return try round.land(round.ready.map { _ in .publish(replacing: []) })
    }
}
