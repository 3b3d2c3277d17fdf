import Arrivals
import Attempts
import FileSystem
import Landing
import Ledger
import PipelineConfig
import Reasons

extension Dispatcher {
    /// Decides what comes of a failed attempt.
    func fail(
        _ attempt: OpenAttempt, _ failure: Failure, _ decisions: inout RunDecisions, at now: UTCTime, training: TrainingReport? = nil
    ) {
        let failure = machine.blamed(failure, on: attempt)
        publisher.discard(run: attempt.run.number, attempt: attempt.run.attempt, pipeline: attempt.pipeline, goal: attempt.goal)
        let policy = attempt.pipeline.onError
        let explanation = Explanation(failure)
        let action = FailurePolicy.action(
            for: failure, goal: attempt.goal, attempt: attempt.run.countedAttempts, number: Int(attempt.run.attempt),
            limit: policy.attempts, backoff: policy.backoff)
        log.failed(attempt, failure, action)
        switch action {
        case .retry(let pause): decisions.delay(attempt, failure, until: now.advanced(by: pause), counts: true)
        case .handBack: decisions.delay(attempt, failure, until: nil, counts: false)
        case .awaitMachine:
            // The machine may lack what these parts take.
            ahead.discard()
            decisions.delay(attempt, failure, until: machine.wait(for: attempt, failure, at: now), counts: false)
        case .awaitFile(let pause): decisions.delay(attempt, failure, until: now.advanced(by: pause), counts: false)
        case .resettle:
            decisions.close(attempt, failure.kind == .inputGone ? .gone : .void(reason: failure.what), training: training)
        case .reject: decisions.close(attempt, .rejected(explanation), training: training)
        case .quarantine:
            let report = QuarantineReport(
                explanation: explanation, arrival: attempt.arrival.number, run: attempt.run.number,
                attempts: (try? ledger.attempts(ofRun: attempt.run.number)) ?? [])
            inputs.quarantine(attempt.arrival.file, report, attempt.pipeline, at: now)
            FaultPoint.reach(.quarantineMoved)
            decisions.close(attempt, .quarantined(explanation), training: training)
        }
    }

    /// Records what was decided, and does what follows from it.
    func close(_ decisions: RunDecisions, at now: UTCTime) throws(LedgerError) {
        guard !decisions.isEmpty else { return }
        FaultPoint.reach(.closeBegin)
        let recorded = try decisions.record(in: ledger, at: now)
        FaultPoint.reach(.closeRecorded)
        if decisions.closed.contains(where: { $0.attempt.goal == .score && $0.attempt.run.mayReplace }) {
            try removal.removeMarked(at: now)
        }
        closed(decisions.closed, at: now)
        for delayed in decisions.delayed {
            var arrival = delayed.attempt.arrival
            arrival.nextAttemptAt = delayed.failure.nextAttemptAt
            // What is handed back waits for the next daemon; should this one go on after all, it does not try again and again without a
            // pause.
            window.add(
                again: arrival, at: arrival.nextAttemptAt ?? now.advanced(by: .seconds(1)),
                isUnreadable: delayed.failure.outcome == Failure.Kind.unreadable.rawValue)
        }
        for (index, published) in decisions.published.enumerated() {
            let pipeline = published.assignment.pipeline
            decided(recorded.labels[index], by: published, at: now)
            window.readAgain(pipeline.name)
            try versions.published(
                published.version, recorded.activations[index], from: published.assignment.arrival.path, in: pipeline, at: now)
        }
        try checkDeleted(decisions.closed, at: now)
        try settling.withdrawRemoved()
    }

    /// Removes the scored parts of a large file whose run is decided.
    private func discardParts(_ end: RunDecisions.Closed) {
        let attempt = end.attempt
        guard attempt.goal == .score, attempt.arrival.file.stamp.size >= AttemptSpec.ScoringFiles.leastRanged else { return }
        publisher.discardParts(run: attempt.run.number, pipeline: attempt.pipeline)
    }

    private func closed(_ ended: [RunDecisions.Closed], at now: UTCTime) {
        // While quarantine is empty there is no file with a reason to look for.
        var quarantines: [String: Bool] = [:]
        func hasQuarantine(_ pipeline: Pipeline) -> Bool {
            if let found = quarantines[pipeline.name] { return found }
            let found = publisher.hasQuarantine(pipeline)
            quarantines[pipeline.name] = found
            return found
        }
        for end in ended {
            let (arrival, pipeline) = (end.attempt.arrival, end.attempt.pipeline)
            scheduler.finished(arrival.number, in: pipeline.name)
            discardTraining(end)
            discardParts(end)
            switch end.closing.outcome {
            case .rejected, .quarantined: countProblem()
            case .done, .kept:
                log.done(end)
                if hasQuarantine(pipeline) { clearReason(arrival.role, arrival.path, in: pipeline.name) }
                machine.end(in: pipeline.name, at: now)
                inputs.dispose(arrival.file, pipeline, at: now)
            case .void, .gone: settling.add(arrival)
            }
        }
    }
}

extension Explanation {
    init(_ failure: Failure) {
        self.init(reason: failure.statement, rule: failure.rule, remedy: failure.remedy)
    }
}
