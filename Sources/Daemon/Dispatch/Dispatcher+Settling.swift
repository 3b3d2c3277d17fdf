import Arrivals
import Ledger
import Logging
import PipelineConfig
import Reasons

/// Arrivals whose attempt was void wait until their file has settled again. A file that is removed instead never does.
extension Dispatcher {
    /// Reads those that an earlier daemon left.
    func readSettling() throws(LedgerError) {
        for name in pipelines.keys {
            for role in ArrivalRole.allCases {
                for arrival in try ledger.waiting(pipeline: name, role: role, isHeld: true) { settling[arrival.number] = arrival }
            }
        }
    }

    /// Lets go of those whose file is not in its spool any more.
    func letGoRemoved() throws(LedgerError) {
        guard !settling.isEmpty else { return }
        let removed = settling.values.filter { arrival in
            pipelines[arrival.pipeline].map { publisher.isRemoved($0.input(arrival)) } ?? false
        }
        guard !removed.isEmpty else { return }
        try ledger.withdraw(removed.map(\.number), because: .removedBeforeRead)
        for arrival in removed {
            settling[arrival.number] = nil
            log.notice(
                "the file was removed before it could be read",
                metadata: ["pipeline.name": "\(arrival.pipeline)", "file.path": "\(arrival.path)"])
        }
    }
}
