import Attempts
import Ledger
import Logging
import PipelineConfig

extension Dispatcher {
    /// Erases what was stored of cells while pipelines showed it that do not do so any more: in their reasons in quarantine, and then in the
    /// ledger. What could not be erased is tried again with the next start or edit.
    func eraseHiddenValues() throws(LedgerError) {
        let stored = try ledger.pipelinesWithValues(exceptOf: pipelines.names.filter { !hidesValues(of: $0) })
        if stored.isEmpty { return }
        for pipeline in stored.compactMap({ pipelines[$0] }) {
            do { try publisher.hideValues(of: pipeline) } catch {
                log.warning("values of cells stay in quarantine", metadata: ["pipeline.name": "\(pipeline.name)", "reason": "\(error)"])
                return
            }
        }
        try ledger.eraseValues(of: stored)
        do { try ledger.compact() } catch {
            log.warning("values of cells may stay in places of the ledger that are not used", metadata: ["reason": "\(error)"])
        }
        log.notice("values of cells that were stored are erased, since they are not shown any more", metadata: ["pipelines": .list(stored)])
    }

    /// Says once of each column that `privacy` names and that a file does not have: where a name is misspelled, the column that was meant is
    /// written as it is.
    func noteAbsent(_ result: AttemptResult, _ attempt: OpenAttempt) {
        let names = absent.news(result.absentColumns, of: attempt.pipeline)
        if names.isEmpty { return }
        log.warning(
            "`privacy` names columns that a file does not have",
            metadata: [
                "pipeline.name": "\(attempt.pipeline.name)", "file.path": "\(attempt.arrival.path)", "columns": .list(names),
                "remedy": "Look whether the names are those that the files have. It is not said again of these columns.",
            ])
    }

    /// Returns whether what cells hold is neither logged nor stored of a pipeline, as it is now.
    func hidesValues(of pipeline: String) -> Bool {
        specs.configuration.hidesValues || pipelines[pipeline]?.privacy.showsValues != true
    }

    /// Returns the answer without what cells hold, unless its pipeline shows it. An attempt may have begun before an edit, and what is said
    /// of a process that died is said in this one.
    func told(_ result: AttemptResult, of pipeline: String) -> AttemptResult { hidesValues(of: pipeline) ? result.withoutValues : result }
}
