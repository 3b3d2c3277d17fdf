package import Arrivals
import Attempts
import FileSystem
package import Ledger
import Logging
import PipelineConfig

extension Dispatcher {
    /// Marks the outputs of data files that are not in their spool any more and removes them, where the pipeline says so.
    package func deleted(_ paths: [String], in name: String, at now: UTCTime) throws(LedgerError) {
        guard let pipeline = pipelines[name], pipeline.onInputDeleted == .remove else { return }
        // The spool is looked at again, since the same file may have been dropped once more, and numbered, in the meantime.
        let gone = publisher.lacking(try ledger.knownInputs(of: name, paths), from: try ledger.watchedFolder(of: name), of: pipeline)
        guard !gone.isEmpty else { return }
        let deleted = try ledger.write { (tx) throws(LedgerError) in try tx.inputsDeleted(gone.map(\.path), of: name, at: now) }
        guard !deleted.isEmpty else { return }
        FaultPoint.reach(.inputsDeleted)
        for input in deleted {
            forget(input.arrival, in: name)
            if let successor = input.successor {
                log.notice(
                    "taken up, since the file with the same output is gone",
                    metadata: ["pipeline.name": "\(name)", "file.path": "\(successor)"])
            }
        }
        if deleted.contains(where: { $0.successor != nil }) { window.readAgain(name) }
        log.notice(
            "inputs were deleted, and their outputs go",
            metadata: [
                "pipeline.name": "\(name)", "files": .list(deleted.prefix(5).map(\.path) + (deleted.count > 5 ? ["…"] : [])),
                "count": .number(deleted.count), "outputs": .number(deleted.reduce(0) { $0 + $1.outputs }),
            ])
        try removal.removeMarked(at: now)
    }

    /// Looks for inputs that were deleted while an attempt worked on them, when no output could be removed.
    func checkDeleted(_ closed: [RunDecisions.Closed], at now: UTCTime) throws(LedgerError) {
        let scored = closed.filter { $0.attempt.goal == .score && $0.attempt.pipeline.onInputDeleted == .remove }
        for (name, closed) in Dictionary(grouping: scored, by: { $0.attempt.pipeline.name }) {
            try deleted(closed.map(\.attempt.arrival.path), in: name, at: now)
        }
    }
}
