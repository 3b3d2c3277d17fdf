import Ledger
import Synchronization

/// Says in `status` how far the reading of a large file is, once it takes long.
final class HashingProgress: Sendable {
    private struct Facts: Encodable {
        let read: Int64
        let size: Int64
    }

    /// The time between two messages about a file; a file that takes less gets none.
    private static let long: Duration = .seconds(1)

    private let conditions: ConditionBoard
    /// The time at which the next message about each file is due.
    private let due = Mutex<[Condition.Key: ContinuousClock.Instant]>([:])

    init(_ conditions: ConditionBoard) { self.conditions = conditions }

    func advanced(_ job: HashJob, isDone: Bool) {
        let key = job.hashingKey
        let now = ContinuousClock.now
        if isDone || job.isCancelled {
            due.withLock { $0[key] = nil }
            return conditions.clear(key)
        }
        let isDue = due.withLock { due in
            let isDue = due[key].map { $0 <= now }
            if isDue != false { due[key] = now + Self.long }
            return isDue ?? false
        }
        guard isDue else { return }
        let percent = job.size > 0 ? job.readCount * 100 / job.size : 100
        conditions.set(
            key,
            "\(Self.gigabytes(job.readCount)) of \(Self.gigabytes(job.size)) GB are read (\(percent) %); it is numbered when all of it is",
            facts: Facts(read: job.readCount, size: job.size))
    }

    /// Returns a number of gigabytes with one decimal.
    private static func gigabytes(_ bytes: Int64) -> String {
        let tenths = (bytes + 50_000_000) / 100_000_000
        return "\(tenths / 10).\(tenths % 10)"
    }
}
