import Arrivals
import Landing
import Ledger
import Logging
import PipelineConfig
import Reasons

/// What the process died of is found out: whatever was executed then is tried again when nothing else is, and what the process dies of
/// alone uses up its attempts.
extension Dispatcher {
    /// Records that the attempts of these runs were cut short, and by which of them, as far as that is known.
    func recordInterrupted(_ runs: [Int64], by death: ProcessDeath?, at now: UTCTime) throws(LedgerError) {
        let suspects = death?.suspects.map(\.run).filter(runs.contains) ?? []
        let culprit = death?.culprit.flatMap { runs.contains($0.run) ? $0.run : nil }
        if let death {
            log.warning(
                "the process before this one died", metadata: ["cause": "\(death.cause)", "runs": "\(death.attempts.map(\.run))"])
        }
        let cause = death?.cause.description ?? "unknown"
        let error: Reason = "the process died while only this was worked on (\(cause))"
        try ledger.write { (tx) throws(LedgerError) in
            try tx.interrupted(runs, culprit: culprit.map { (run: $0, error: error) }, at: now)
            try tx.suspect(suspects, culprit: culprit)
        }
    }

    /// Puts into quarantine what has used up its attempts, and lets the scheduler start the others alone.
    func holdSuspects(at now: UTCTime) throws(LedgerError) {
        let counted = Dictionary(try ledger.openRuns().map { ($0.run, $0.countedAttempts) }) { $1 }
        for suspect in try ledger.suspects() {
            guard let pipeline = pipelines[suspect.pipeline], !inFlight.contains(suspect.run) else { continue }
            if suspect.deaths > 0, counted[suspect.run, default: 0] >= pipeline.onError.attempts {
                try quarantineCulprit(suspect, pipeline, at: now)
            } else {
                suspects[suspect.run] = suspect.arrival
                scheduler.suspect(suspect.arrival, in: suspect.pipeline, since: now.scheduling)
            }
        }
    }

    private func quarantineCulprit(
        _ suspect: (run: Int64, arrival: Int64, pipeline: String, deaths: Int), _ pipeline: Pipeline, at now: UTCTime
    ) throws(LedgerError) {
        guard let arrival = try ledger.arrival(suspect.arrival), arrival.state == .waiting else { return }
        let times = suspect.deaths == 1 ? "once" : "\(suspect.deaths) times"
        let explanation = Explanation(
            reason:
                "\(pipeline.spoolPath(of: arrival.role))/\(arrival.path): the process died \(times) at it, while nothing else was worked on",
            rule: .attemptDeath)
        let waiting = try ledger.waiting(pipeline: pipeline.name, role: arrival.role, after: arrival.number - 1, limit: 1).first
        let report = QuarantineReport(
            explanation: explanation, arrival: arrival.number, run: suspect.run, attempts: try ledger.attempts(ofRun: suspect.run))
        if let waiting, waiting.number == arrival.number { quarantine(pipeline.input(waiting), report, pipeline, at: now) }
        try ledger.write { (tx) throws(LedgerError) in
            try tx.close([RunClosing(run: suspect.run, outcome: .quarantined(explanation))], at: now)
            try tx.acquit([suspect.run])
            try tx.append([NewEvent("quarantined", pipeline: pipeline.name, arrival: arrival.number, run: suspect.run)], at: now)
        }
        problems += 1
        log.warning(
            "quarantined",
            metadata: ["pipeline.name": "\(pipeline.name)", "file.path": "\(arrival.path)"].merging(explanation.whole.logged) { $1 })
    }

    /// The process has lived through an attempt of them. Returns those that were suspected.
    func acquitted(_ runs: [Int64]) -> [Int64] {
        guard !suspects.isEmpty else { return [] }
        return runs.filter { suspects.removeValue(forKey: $0) != nil }
    }
}
