import Arrivals
import Ledger
import Logging
import PipelineConfig
import Reasons

/// Finds out what the process died of: whatever was executed then is tried again when nothing else is, and what the process dies of alone
/// uses up its attempts.
final class SuspectRuns {
    /// A run that has used up its attempts, and how often the process died while nothing else was worked on.
    struct Culprit {
        let run: Int64
        let arrival: Int64
        let pipeline: Pipeline
        let deaths: Int
    }

    private let ledger: RunLedger
    private let scheduler: Scheduler
    private let log: Logger
    /// The runs that the scheduler starts alone.
    private var runs: Set<Int64> = []

    init(ledger: RunLedger, scheduler: Scheduler, log: Logger) {
        self.ledger = ledger
        self.scheduler = scheduler
        self.log = log
    }

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

    /// Has the scheduler start the suspects alone. Returns those that have used up their attempts instead: they are to be quarantined.
    /// - Parameter isHandedOut: whether an attempt of a run goes on, which stays as it is.
    func isolate(
        at now: UTCTime, among pipelines: PipelinesInForce, besides isHandedOut: (Int64) -> Bool
    ) throws(LedgerError) -> [Culprit] {
        let counted = Dictionary(try ledger.openRuns().map { ($0.run, $0.countedAttempts) }) { $1 }
        var culprits: [Culprit] = []
        for suspect in try ledger.suspects() {
            guard let pipeline = pipelines[suspect.pipeline], !isHandedOut(suspect.run) else { continue }
            if suspect.deaths > 0, counted[suspect.run, default: 0] >= pipeline.onError.attempts {
                culprits.append(Culprit(run: suspect.run, arrival: suspect.arrival, pipeline: pipeline, deaths: suspect.deaths))
            } else {
                runs.insert(suspect.run)
                scheduler.suspect(suspect.arrival, in: suspect.pipeline, since: now.scheduling)
            }
        }
        return culprits
    }

    /// Takes those off the suspects that the process has lived through an attempt of. Returns those that were suspected.
    func acquit(_ ended: [Int64]) -> [Int64] {
        guard !runs.isEmpty else { return [] }
        return ended.filter { runs.remove($0) != nil }
    }
}
