package import Arrivals
import Attempts
import Landing
package import Ledger
import Logging
import PipelineConfig
import SystemPackage

extension Dispatcher {
    /// Removes outputs in whose place others have landed elsewhere, such as in another format, since an input has one output; and outputs
    /// whose input was deleted. What is not ours any more stays, and is said. What cannot be removed now is tried again.
    func removeLeaving(at now: UTCTime) throws(LedgerError) {
        let leaving = try ledger.leavingOutputs()
        guard !leaving.isEmpty else {
            unremoved = nil
            return
        }
        var decided: [(output: Publication, isRemoved: Bool)] = []
        var isLeft = false
        for (output, outcome) in zip(leaving.map(\.publication), publisher.withdraw(leaving)) {
            let fields: Logger.Metadata = [
                "pipeline.name": "\(output.pipeline)", "file.path": "\(output.root)/\(output.path)", "input": "\(output.inputPath)",
            ]
            switch outcome {
            case .removed:
                decided.append((output, true))
                if output.state == .orphaned { log.info("an output went with its input", metadata: fields) }
            case .notOurs:
                log.warning("an old output stays: it is not what was published there", metadata: fields)
                decided.append((output, false))
            case nil:
                isLeft = true
                if unremoved == nil { log.warning("an old output cannot be removed yet", metadata: fields) }
            }
        }
        unremoved = isLeft ? Postponement(at: now, after: unremoved) : nil
        guard !decided.isEmpty else { return }
        try ledger.write { (tx) throws(LedgerError) in
            for (output, isRemoved) in decided { try tx.left(output.publication, isRemoved: isRemoved) }
        }
    }

    /// Tries again to remove what could not be removed.
    package func removeLeavingAgain(at now: UTCTime) throws(LedgerError) {
        if let unremoved, unremoved.due <= now { try removeLeaving(at: now) }
    }

    // MARK: Deleted inputs

    /// Data files that are not in their spool any more: where the pipeline says so, their outputs go.
    package func deleted(_ paths: [String], in name: String, at now: UTCTime) throws(LedgerError) {
        guard let pipeline = pipelines[name], pipeline.onInputDeleted == .remove else { return }
        // Looked at again, since the same file may have been dropped once more, and numbered, in the meantime.
        let gone = publisher.lacking(try ledger.knownInputs(of: name, paths), from: try ledger.watchedFolder(of: name), of: pipeline)
        guard !gone.isEmpty else { return }
        let deleted = try ledger.write { (tx) throws(LedgerError) in try tx.inputsDeleted(gone.map(\.path), of: name, at: now) }
        guard !deleted.isEmpty else { return }
        for input in deleted {
            forget(input.arrival, in: name)
            if let successor = input.successor {
                log.notice(
                    "taken up, since the file with the same output is gone",
                    metadata: ["pipeline.name": "\(name)", "file.path": "\(successor)"])
            }
        }
        if deleted.contains(where: { $0.successor != nil }) { stale.insert(name) }
        log.notice(
            "inputs were deleted, and their outputs go",
            metadata: [
                "pipeline.name": "\(name)", "files": .list(deleted.prefix(5).map(\.path) + (deleted.count > 5 ? ["…"] : [])),
                "count": .number(deleted.count), "outputs": .number(deleted.reduce(0) { $0 + $1.outputs }),
            ])
        try removeLeaving(at: now)
    }

    /// Inputs that may have been deleted while they were worked on, when nothing could be removed.
    func checkDeleted(_ closed: [Ends.Closed], at now: UTCTime) throws(LedgerError) {
        let scored = closed.filter { $0.opened.goal == .score && $0.opened.pipeline.onInputDeleted == .remove }
        for (name, closed) in Dictionary(grouping: scored, by: { $0.opened.pipeline.name }) {
            try deleted(closed.map(\.opened.arrival.path), in: name, at: now)
        }
    }
}
