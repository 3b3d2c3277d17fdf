import Arrivals
import Attempts
import Deployment
import Ledger
import Logging
import PipelineConfig
import Reasons

extension Dispatcher {
    /// Returns the orders to measure models that have come up since the last call.
    func takeMeasuringOrders() -> [MeasuringOrder] { executions.takeOrders() }

    /// Returns whether data may be scored by a version. Where its pipeline lets measurements decide and the version was not measured yet,
    /// that comes first.
    func mayScore(_ start: Scheduler.Start, by version: Int) -> Bool {
        guard let pipeline = pipelines[start.pipeline], let subject = pipeline.executionSubject(version) else { return true }
        return executions.mayScore(start.arrival, by: subject) {
            guard let arrival = window[start.arrival] else { return nil }
            log.notice("a version is measured before it scores", metadata: logged(pipeline, version))
            return specs.measuring(version, arrival, pipeline, pins(pipeline))
        }
    }

    /// Returns whether the model that an attempt has made is measured before it becomes a version.
    func measuresFirst(_ assignment: Assignment, _ result: AttemptResult) -> Bool {
        let pipeline = assignment.pipeline
        guard pipeline.deployment?.precision != nil else { return false }
        return executions.measures(assignment, result) { specs.measuring(assignment, result, pins(pipeline)) }
    }

    /// Takes the answer to an order.
    func measured(_ purpose: MeasuringOrder.Purpose, _ outcome: ModelExecutions.Outcome, at now: UTCTime) throws(LedgerError) {
        switch purpose {
        case .publication(let run):
            guard let (assignment, result) = executions.answer(outcome, run: run) else { return }
            var finished = result
            if case .failure(let failure) = outcome, failure.kind == .cancelled || failure.kind == .stopped {
                _ = executions.takeOutcome(run: run)
                finished.failure = failure
            }
            try finish([(assignment, finished)], at: now)
        case .scoring(let subject, let arrival):
            let isAsItIs = executions.answer(outcome, for: subject, arrival: arrival)
            guard let pipeline = pipelines[subject.pipeline] else { return }
            switch outcome {
            case .success(let table):
                log.notice(
                    "a version is executed as measured",
                    metadata: logged(pipeline, subject.version).merging(["execution": "\(table.summary)"]) { $1 })
            case .failure(let failure) where failure.kind != .cancelled:
                log.warning(
                    isAsItIs ? "a version could not be measured, and is executed as it is" : "a version could not be measured on this file",
                    metadata: logged(pipeline, subject.version).merging(failure.fullReason.logged) { $1 })
            case .failure: break
            }
        }
    }

    /// Returns what the first file has fixed, so that rows and labels that are measured on go into the model as those that are scored; nil
    /// where it cannot be read for now: then they go in by their own order.
    private func pins(_ pipeline: Pipeline) -> ColumnPins? { try? columns.pins(of: pipeline.name, revision: pipeline.revision.full) }

    private func logged(_ pipeline: Pipeline, _ version: Int) -> Logger.Metadata {
        ["pipeline.name": "\(pipeline.name)", "model.version": "\(version)"]
    }
}

extension Pipeline {
    /// The version as this pipeline executes it; nil where measurements decide nothing.
    func executionSubject(_ version: Int) -> ModelExecutions.Subject? {
        guard deployment?.precision != nil, forward != nil else { return nil }
        return ModelExecutions.Subject(pipeline: name, revision: revision.full, version: version)
    }
}
