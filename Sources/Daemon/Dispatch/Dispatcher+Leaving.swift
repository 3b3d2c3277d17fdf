import Landing
import Ledger
import Logging
import PipelineConfig
import SystemPackage

extension Dispatcher {
    /// Removes outputs in whose place others have landed elsewhere, such as in another format: an input has one output. What is not ours
    /// any more stays, and is said.
    func removeLeaving() throws(LedgerError) {
        let leaving = try ledger.publications(.leaving)
        guard !leaving.isEmpty else { return }
        var decided: [(output: Publication, isRemoved: Bool)] = []
        for (output, outcome) in zip(leaving, publisher.withdraw(leaving)) {
            let fields: Logger.Metadata = ["pipeline.name": "\(output.pipeline)", "file.path": "\(output.root)/\(output.path)", "input": "\(output.inputPath)"]
            switch outcome {
            case .removed: decided.append((output, true))
            case .notOurs:
                log.warning("an old output stays: it is not what was published there", metadata: fields)
                decided.append((output, false))
            case nil: log.warning("an old output cannot be removed yet", metadata: fields)
            }
        }
        guard !decided.isEmpty else { return }
        try ledger.write { (tx) throws(LedgerError) in
            for (output, isRemoved) in decided { try tx.left(output.publication, isRemoved: isRemoved) }
        }
    }
}
