package import Arrivals
package import Attempts
import FileSystem
import Landing
package import Ledger
import Logging
import PipelineConfig
import Reasons
import SystemPackage

extension Dispatcher {
    /// Takes the answers of attempts: publishes what succeeded, all in one round, and does what the failure policy says about the rest.
    package func finish(_ results: [(assignment: Assignment, result: AttemptResult)], at now: UTCTime) throws(LedgerError) {
        var outputs: [(assignment: Assignment, result: AttemptResult)] = []
        var ends = Ends()
        for (assignment, result) in results.sorted(by: { $0.assignment.arrival.number < $1.assignment.arrival.number }) {
            inFlight.remove(assignment.run.run)
            if assignment.goal == .score, let seconds = result.timings["total"] {
                paces[assignment.pipeline.name, default: Pace()].note(bytes: assignment.arrival.stamp.size, seconds: seconds)
            }
            if let failure = result.failure {
                fail(assignment.opened, failure, &ends, at: now, training: result.training)
            } else if let failure = try pin(assignment, result) {
                fail(assignment.opened, failure, &ends, at: now)
            } else {
                switch assignment.goal {
                case .fineTune where result.training?.wait != nil: keepLabels(assignment, result, &ends)
                case .decideModel, .fineTune: try publishModel(assignment, result, &ends, at: now)
                case .score: outputs.append((assignment, result))
                }
            }
        }
        try publishOutputs(outputs, &ends, at: now)
        try close(ends, at: now)
    }

    /// What one call of `finish` decides, to be recorded in one transaction.
    struct Ends {
        struct Closed {
            let opened: Opened
            let closing: RunClosing
            var training: TrainingReport?
        }
        struct Delayed {
            let opened: Opened
            let attempt: FailedAttempt
        }
        var closed: [Closed] = []
        var delayed: [Delayed] = []
        struct Published {
            let assignment: Assignment
            let version: Int
            let modelDigest: String
            let floatDigest: String?
            let card: String
            let training: TrainingReport?
        }
        var published: [Published] = []
    }

    // MARK: Outputs

    private func publishOutputs(
        _ results: [(assignment: Assignment, result: AttemptResult)], _ ends: inout Ends, at now: UTCTime
    ) throws(LedgerError) {
        var ready: [(assignment: Assignment, result: AttemptResult, output: StagedOutput)] = []
        for (assignment, result) in results {
            do throws(FileSystemError) {
                let pins = pinned(by: assignment)
                ready.append((assignment, result, stagedOutput(assignment, result, path: try outputPath(of: assignment), pins: pins)))
            } catch {
                fail(assignment.opened, Failure(publishing: error, place: assignment.arrival.path), &ends, at: now)
            }
        }
        guard !ready.isEmpty else { return }
        var unrecorded: LedgerError?
        let mayReplace = Set(ready.filter { $0.assignment.run.mayReplace }.map { $0.assignment.run.run })
        let outcomes: [Result<Void, FileSystemError>]
        do throws(FileSystemError) {
            outcomes = try publisher.publish(ready.map(\.output)) { intended in
                do throws(LedgerError) { return try record(intended, mayReplace: mayReplace) } catch {
                    unrecorded = error
                    throw error
                }
            }
        } catch {
            outcomes = ready.map { _ in .failure(error) }
        }
        if let unrecorded { throw unrecorded }
        for ((assignment, result, output), outcome) in zip(ready, outcomes) {
            switch outcome {
            case .success:
                landed(assignment, result, &ends)
            case .failure(.targetOwned(_, by: let owner, refused: let input)):
                let failure = Failure(
                    .badInput, rule: .outputCollision, what: "its output \(output.path) is already that of \(owner)", place: input,
                    remedy: "Rename one of the two inputs, then `millrace retry`.")
                fail(assignment.opened, failure, &ends, at: now)
            case .failure(let error):
                let failure = Failure(publishing: error, place: assignment.arrival.path)
                if case .unfinished = error, failure.kind == .machine {
                    finishLater(assignment, result, output, failure, at: now)
                } else {
                    fail(assignment.opened, failure, &ends, at: now)
                }
            }
        }
    }

    /// An output is visible, durable and in its manifest.
    func landed(_ assignment: Assignment, _ result: AttemptResult, _ ends: inout Ends) {
        if result.rowCount ?? 0 > 0 { scoredRows[assignment.pipeline.name] = assignment.spec.data }
        scored(assignment, result)
        ends.closed.append(
            .init(
                opened: assignment.opened,
                closing: RunClosing(
                    run: assignment.run.run, outcome: .done(verdict: nil), timings: result.timings, rowCount: result.rowCount)))
    }

    /// What is about to become visible, durably. Touches the ledger only: it may run beside the dispatcher's thread, which waits for it.
    /// - Parameter mayReplace: the runs for whose input there was an attempt, or other content, before.
    private func record(_ outputs: [StagedOutput], mayReplace: Set<Int64>) throws(LedgerError) -> [Intent] {
        let intentions = outputs.map { output in
            Intention(
                run: output.run, root: output.outputRoot.string, path: output.path, digest: output.digest ?? "",
                byteCount: output.bytes ?? 0)
        }
        return try ledger.write { (tx) throws(LedgerError) in
            var intents: [Intent] = []
            for (intention, outcome) in zip(intentions, try tx.intend(intentions)) {
                switch outcome {
                case .intended(_, let replaces):
                    let unfinished = mayReplace.contains(intention.run) ? try tx.unfinished(intention) : []
                    intents.append(.publish(replacing: [replaces?.digest].compactMap(\.self) + unfinished))
                case .owned(let owner): intents.append(.refuse(owner: owner.inputPath))
                }
            }
            return intents
        }
    }

    /// Returns the pins of the revision for the manifest line of a file that pinned some of them; nil for other files.
    private func pinned(by assignment: Assignment) -> ManifestPins? {
        guard let pins = columnPins[assignment.pipeline.name]?[assignment.run.revision], pins.arrivals.contains(assignment.arrival.number)
        else { return nil }
        return pins.manifest
    }

    /// Where the path's output went before, if it has one: a replacement goes where the first went (SEMANTICS 14).
    private func outputPath(of assignment: Assignment) throws(FileSystemError) -> String {
        let arrival = assignment.arrival
        let landing = assignment.pipeline.land.outputs!
        let last =
            assignment.run.mayReplace
            ? try? ledger.lastPublications(pipeline: arrival.pipeline, role: arrival.role, path: arrival.path) : nil
        if let before = last?.first(where: { $0.root == landing.path && landing.naming.mayHaveNamed($0.path, for: arrival.path) }) {
            return before.path
        }
        return try landing.naming.path(
            for: arrival.path,
            facts: .init(arrivedAt: arrival.arrivedAt, version: assignment.run.version ?? 0))
    }

    private func stagedOutput(_ assignment: Assignment, _ result: AttemptResult, path: String, pins: ManifestPins?) -> StagedOutput {
        let root = FilePath(assignment.pipeline.land.outputs!.path)
        let arrival = assignment.arrival
        return StagedOutput(
            run: assignment.run.run, staged: FilePath(result.files[0].path), target: root.appending(FilePath(path).components),
            outputRoot: root, access: assignment.pipeline.land.access.landing,
            provenance: Provenance(
                pipeline: arrival.pipeline, input: arrival.path, inputDigest: arrival.digest, rows: result.rowCount.map(Int.init),
                modelVersion: assignment.run.version, modelDigest: assignment.spec.model.digest,
                revision: assignment.run.revision, arrival: arrival.number, pins: pins),
            digest: result.files[0].digest, bytes: result.files[0].byteCount)
    }

    // MARK: Failures

    func fail(
        _ opened: Opened, _ failure: Failure, _ ends: inout Ends, at now: UTCTime, training: TrainingReport? = nil
    ) {
        let failure = blamed(failure, on: opened)
        publisher.discard(run: opened.run.run, attempt: opened.run.attempt, pipeline: opened.pipeline, goal: opened.goal)
        let policy = opened.pipeline.onError
        let explanation = Explanation(failure)
        let action = FailurePolicy.action(
            for: failure, goal: opened.goal, attempt: opened.run.countedAttempts, number: Int(opened.run.attempt),
            limit: policy.attempts, backoff: policy.backoff)
        tell(opened, failure, action)
        func close(_ outcome: RunClosing.Outcome) {
            ends.closed.append(
                .init(opened: opened, closing: RunClosing(run: opened.run.run, outcome: outcome), training: training))
        }
        func delay(until time: UTCTime?, counts: Bool) {
            ends.delayed.append(
                .init(
                    opened: opened,
                    attempt: FailedAttempt(
                        run: opened.run.run, outcome: failure.kind.rawValue, error: failure.reason, nextAttemptAt: time,
                        counts: counts)))
        }
        switch action {
        case .retry(let pause): delay(until: now.advanced(by: pause), counts: true)
        case .handBack: delay(until: nil, counts: false)
        case .awaitMachine: delay(until: awaitMachine(opened, failure, at: now), counts: false)
        case .awaitFile(let pause): delay(until: now.advanced(by: pause), counts: false)
        case .resettle: close(failure.kind == .inputGone ? .gone : .void(reason: failure.what))
        case .reject: close(.rejected(explanation))
        case .quarantine:
            let report = QuarantineReport(
                explanation: explanation, arrival: opened.arrival.number, run: opened.run.run,
                attempts: (try? ledger.attempts(ofRun: opened.run.run)) ?? [])
            quarantine(opened.input, report, opened.pipeline, at: now)
            close(.quarantined(explanation))
        }
    }

    // MARK: Closing

    func close(_ ends: Ends, at now: UTCTime) throws(LedgerError) {
        guard !ends.closed.isEmpty || !ends.delayed.isEmpty else { return }
        func event(_ kind: String, _ opened: Opened) -> NewEvent {
            NewEvent(kind, pipeline: opened.pipeline.name, arrival: opened.arrival.number, run: opened.run.run)
        }
        let events =
            ends.closed.map { end in
                var event = event(end.closing.outcome.eventKind, end.opened)
                event.payload = end.closing.payload
                return event
            }
            + ends.delayed.map { event($0.attempt.counts || $0.attempt.nextAttemptAt != nil ? "delayed" : "handed back", $0.opened) }
            + ends.published.map { published in
                var event = event("published", published.assignment.opened)
                event.payload = "{\"version\":\(published.version)}"
                return event
            }
        let positions = ends.published.map { position(of: $0.assignment) }
        let acquitted = acquitted(
            ends.closed.map(\.closing.run) + ends.delayed.map(\.attempt).filter { $0.outcome != Failure.Kind.cancelled.rawValue }.map(\.run)
        )
        let (activations, decided) = try ledger.write { (tx) throws(LedgerError) in
            try tx.close(ends.closed.map(\.closing), at: now)
            try tx.attemptFailed(ends.delayed.map(\.attempt), at: now)
            try tx.acquit(acquitted)
            for end in ends.closed {
                guard case .rejected(let explanation) = end.closing.outcome else { continue }
                try tx.rejectVersion(
                    run: end.closing.run, reason: explanation.whole, parent: end.opened.run.version, training: end.training?.record,
                    at: now)
            }
            var activations: [VersionActivation?] = []
            var decided: [[Int64]] = []
            for (published, position) in zip(ends.published, positions) {
                let run = published.assignment.run.run
                activations.append(
                    try tx.publishVersion(
                        run: run, modelDigest: published.modelDigest, card: published.card,
                        parentDigest: published.assignment.parentDigest, floatDigest: published.floatDigest,
                        training: published.training?.record, position: position, at: now))
                decided.append(
                    try published.training.map { (training) throws(LedgerError) in
                        try tx.decideLabels(
                            run: run, training.outcome(version: published.version), unusable: training.unusableLabels)
                    } ?? [])
            }
            try tx.append(events, at: now)
            return (activations, decided)
        }
        if ends.closed.contains(where: { $0.opened.goal == .score && $0.opened.run.mayReplace }) { try removeLeaving(at: now) }
        // Where nothing was ever refused no file is looked for that would say why.
        var quarantines: [String: Bool] = [:]
        func hasQuarantine(_ pipeline: Pipeline) -> Bool {
            let found = quarantines[pipeline.name] ?? publisher.hasQuarantine(pipeline)
            quarantines[pipeline.name] = found
            return found
        }
        for end in ends.closed {
            let opened = end.opened
            scheduler.finished(opened.arrival.number, in: opened.pipeline.name)
            discardTraining(end)
            switch end.closing.outcome {
            case .rejected, .quarantined: problems += 1
            case .done, .kept:
                tellDone(end)
                if hasQuarantine(opened.pipeline) {
                    clearReason(opened.arrival.role, opened.arrival.path, in: opened.pipeline.name)
                }
                machineWorks(in: opened.pipeline.name, at: now)
                dispose(opened.input, opened.pipeline, at: now)
            case .void, .gone:
                settling[opened.arrival.number] = opened.arrival
                void.append(
                    .init(directory: SpoolID(opened.pipeline.name, opened.arrival.role).name, path: opened.arrival.path))
            }
        }
        for end in ends.delayed {
            let arrival = end.opened.arrival
            // One whose pipeline was taken away meanwhile is read from the ledger when that comes back.
            guard pipelines[arrival.pipeline] != nil else { continue }
            var again = arrival
            again.nextAttemptAt = end.attempt.nextAttemptAt
            held[arrival.number] = again
            // What is handed back waits for the next daemon; should this one go on after all, it does not try again and again without a
            // pause.
            let next = end.attempt.nextAttemptAt ?? now.advanced(by: .seconds(1))
            scheduler.failed(
                arrival.number, in: arrival.pipeline, retryAt: next.scheduling,
                isUnreadable: end.attempt.outcome == Failure.Kind.unreadable.rawValue)
        }
        for (index, published) in ends.published.enumerated() {
            self.decided(decided[index], by: published, at: now)
            try versionIsPublished(activations[index], published, at: now)
        }
        try checkDeleted(ends.closed, at: now)
        try letGoRemoved()
    }
}

extension Pipeline {
    func input(_ arrival: WaitingArrival) -> SpoolInput {
        SpoolInput(
            spool: spoolPath(of: arrival.role), path: arrival.path, digest: arrival.digest, stamp: arrival.stamp,
            companions: arrival.companions)
    }
}

extension OutputLanding {
    var naming: OutputNaming {
        OutputNaming(
            fileExtension: format.fileExtension,
            partitionBy: partitionBy.map { key in
                switch key {
                case .arrivalDate: .arrivalDate
                case .version: .version
                case .stem: .stem
                }
            })
    }
}

extension OutputFormat {
    package var fileExtension: String { rawValue }
}
