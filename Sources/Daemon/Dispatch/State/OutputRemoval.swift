import Arrivals
import FileSystem
import Landing
import Ledger
import Logging

/// Removes outputs that were replaced by others with another path, such as in another format, since an input has one output; and outputs
/// whose input was deleted.
final class OutputRemoval {
    private let ledger: RunLedger
    private let publisher: any Publisher
    private let log: Logger
    /// The time at which outputs that could not be removed are tried again; nil where there are none.
    private var postponement: Postponement?

    init(ledger: RunLedger, publisher: any Publisher, log: Logger) {
        self.ledger = ledger
        self.publisher = publisher
        self.log = log
    }

    /// Removes the outputs that the ledger has marked. A file that is not what was published stays, and the log says so. What cannot be
    /// removed now is tried again.
    func removeMarked(at now: UTCTime) throws(LedgerError) {
        let leaving = try ledger.leavingOutputs()
        guard !leaving.isEmpty else {
            postponement = nil
            return
        }
        var decided: [(publication: Publication, isRemoved: Bool)] = []
        var isLeft = false
        for (publication, outcome) in zip(leaving.map(\.publication), publisher.withdraw(leaving)) {
            let fields: Logger.Metadata = [
                "pipeline.name": "\(publication.pipeline)", "file.path": "\(publication.output.absolutePath)",
                "input": "\(publication.inputPath)",
            ]
            switch outcome {
            case .removed:
                decided.append((publication, true))
                if publication.state == .orphaned { log.info("an output went with its input", metadata: fields) }
            case .notOurs:
                log.warning("an old output stays: it is not what was published there", metadata: fields)
                decided.append((publication, false))
            case nil:
                isLeft = true
                if postponement == nil { log.warning("an old output cannot be removed yet", metadata: fields) }
            }
        }
        postponement = isLeft ? Postponement(at: now, after: postponement) : nil
        guard !decided.isEmpty else { return }
        FaultPoint.reach(.removalRemoved)
        try ledger.write { (tx) throws(LedgerError) in
            for (publication, isRemoved) in decided { try tx.left(publication.number, isRemoved: isRemoved) }
        }
    }

    /// Tries again to remove what could not be removed.
    func tryAgain(at now: UTCTime) throws(LedgerError) {
        if let postponement, postponement.due <= now { try removeMarked(at: now) }
    }
}
