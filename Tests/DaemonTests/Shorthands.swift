import Arrivals
import FileSystem
import Landing
import Ledger
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

/// One operation as a transaction of its own.
extension RunLedger {
    func arrive(_ files: [ArrivingFile], at time: UTCTime) throws(LedgerError) -> [ArrivalOutcome] {
        try write { (ledger) throws(LedgerError) in try ledger.arrive(files, at: time) }
    }

    func open(_ openings: [RunOpening], at time: UTCTime) throws(LedgerError) -> [OpenOutcome] {
        try write { (ledger) throws(LedgerError) in try ledger.open(openings, at: time) }
    }

    func intend(_ intentions: [Intention]) throws(LedgerError) -> [IntentionOutcome] {
        try write { (ledger) throws(LedgerError) in try ledger.intend(intentions) }
    }

    func close(_ closings: [RunClosing], at time: UTCTime) throws(LedgerError) {
        try write { (ledger) throws(LedgerError) in try ledger.close(closings, at: time) }
    }
}
