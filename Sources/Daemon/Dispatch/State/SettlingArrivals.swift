import Arrivals
import Ledger
import Logging
import PipelineConfig
import Reasons

/// Holds arrivals whose attempt was void, since their file is not what was numbered: they wait until the file has settled again. They are
/// withdrawn where the file is removed instead.
final class SettlingArrivals {
    private let ledger: RunLedger
    private let publisher: any Publisher
    private let pipelines: PipelinesInForce
    private let log: Logger
    private var waiting: [Int64: WaitingArrival] = [:]
    /// The files that the watcher is to judge again and has not been told of.
    private var files: [SpoolPlace] = []

    init(ledger: RunLedger, publisher: any Publisher, pipelines: PipelinesInForce, log: Logger) {
        self.ledger = ledger
        self.publisher = publisher
        self.pipelines = pipelines
        self.log = log
    }

    /// Reads from the ledger the arrivals that an earlier daemon left waiting for their file.
    func readAll() throws(LedgerError) {
        for name in pipelines.names {
            for role in ArrivalRole.allCases {
                for arrival in try ledger.waiting(pipeline: name, role: role, isHeld: true) { waiting[arrival.number] = arrival }
            }
        }
    }

    /// Has the file of an arrival settle again, since its attempt was void.
    func add(_ arrival: WaitingArrival) {
        waiting[arrival.number] = arrival
        files.append(arrival.file.place)
    }

    /// Forgets an arrival that waits for its file no longer.
    func remove(_ arrival: Int64) { waiting[arrival] = nil }

    /// Forgets the arrivals of a file whose content is known from before.
    func remove(_ role: ArrivalRole, _ path: String, in pipeline: String) {
        guard !waiting.isEmpty else { return }
        waiting = waiting.filter { $0.value.pipeline != pipeline || $0.value.role != role || $0.value.path != path }
    }

    /// Returns the files that were added since the last call: they are to be judged again.
    func takeFiles() -> [SpoolPlace] {
        defer { files = [] }
        return files
    }

    /// Withdraws the arrivals whose file is not in its spool any more.
    func withdrawRemoved() throws(LedgerError) {
        guard !waiting.isEmpty else { return }
        let removed = waiting.values.filter { arrival in
            pipelines[arrival.pipeline].map { publisher.isRemoved(arrival.file, $0) } ?? false
        }
        guard !removed.isEmpty else { return }
        try ledger.withdraw(removed.map(\.number), because: .removedBeforeRead)
        for arrival in removed {
            waiting[arrival.number] = nil
            log.notice(
                "the file was removed before it could be read",
                metadata: ["pipeline.name": "\(arrival.pipeline)", "file.path": "\(arrival.path)"])
        }
    }
}
