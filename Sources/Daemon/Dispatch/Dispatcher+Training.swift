import Arrivals
import Attempts
import FileSystem
import Landing
import Ledger
import Logging
import PipelineConfig
import Reasons
import Recipes

extension Dispatcher {
    /// Keeps labels with which nothing can be trained yet: their rows count when more arrive.
    func keepLabels(_ assignment: Assignment, _ result: AttemptResult, _ decisions: inout RunDecisions) {
        guard let wait = result.training?.wait else { return }
        discardStaged(assignment.opened)
        log.notice(
            "labels are kept",
            metadata: [
                "pipeline.name": "\(assignment.pipeline.name)", "file.path": "\(assignment.arrival.path)",
            ].merging(wait.fullReason.logged) { $1 })
        decisions.close(
            assignment.opened, .kept(Explanation(wait)), timings: result.timings, rowCount: result.rowCount, training: result.training)
    }

    /// Takes labels that a model was tuned on out of what waits, and does with their files what is done with every input.
    func decided(_ labels: [Int64], by published: RunDecisions.Published, at now: UTCTime) {
        let pipeline = published.assignment.pipeline
        let unusable = published.training?.unusableLabels ?? [:]
        if !labels.isEmpty { FaultPoint.reach(.labelsDecided) }
        for number in labels {
            let arrival = window[number]
            forget(number, in: pipeline.name)
            guard let arrival else { continue }
            guard let explanation = unusable[number] else {
                inputs.dispose(arrival.file, pipeline, at: now)
                continue
            }
            let report = QuarantineReport(explanation: explanation, arrival: number, run: arrival.run, attempts: [])
            inputs.quarantine(arrival.file, report, pipeline, at: now)
            discardRows(of: arrival, pipeline)
        }
    }

    /// Removes the checkpoints of a run that is decided, and the rows of its labels where they could not be used.
    func discardTraining(_ end: RunDecisions.Closed) {
        guard end.attempt.trains else { return }
        FaultPoint.reach(.trainingDiscard)
        discard(.checkpoints(run: end.attempt.run.number), end.attempt.pipeline)
        guard end.attempt.goal == .fineTune, case .quarantined = end.closing.outcome else { return }
        discardRows(of: end.attempt.arrival, end.attempt.pipeline)
    }

    /// Removes the rows of labels that could not be used, unless they could be when they arrived before.
    private func discardRows(of labels: WaitingArrival, _ pipeline: Pipeline) {
        if (try? ledger.isDecided(labels: labels.file.digest, pipeline: pipeline.name)) != false { return }
        discard(.labels(digest: labels.file.digest, name: labels.path), pipeline)
    }

    private func discard(_ kept: Kept, _ pipeline: Pipeline) {
        do throws(FileSystemError) {
            try publisher.discard(kept, pipeline: pipeline)
        } catch {
            log.warning("what was kept for training stays", metadata: ["pipeline.name": "\(pipeline.name)", "reason": "\(error)"])
        }
    }
}

extension TrainingReport {
    /// The training as lists of versions show it.
    var record: TrainingRecord {
        TrainingRecord(
            rejection: rejection?.fullReason, metric: gate?.metric, before: gate?.before, after: gate?.after, lossPerEpoch: lossPerEpoch)
    }

    /// Returns what becomes of labels that waited while a model was tuned on them.
    func outcome(version: Int) -> LedgerTransaction.LabelsOutcome {
        if let wait { return .kept(Explanation(wait)) }
        guard let rejection else { return .trained(verdict: "trained version \(version)") }
        return .rejected(Explanation(rejection))
    }

    var unusableLabels: [Int64: Explanation] {
        Dictionary(unusable.map { ($0.arrival, Explanation($0.failure)) }, uniquingKeysWith: { first, _ in first })
    }
}
