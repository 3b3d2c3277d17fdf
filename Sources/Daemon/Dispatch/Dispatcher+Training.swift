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
    // MARK: Opening

    /// Labels that wait, where the pipeline learns from them.
    func refillLabels(of name: String) throws(LedgerError) {
        guard pipelines[name]?.optimize != nil else { return }
        for labels in try ledger.waiting(pipeline: name, role: .labelled, after: 0, limit: Int.max) where held[labels.number] == nil {
            hold(labels)
            scheduler.labelsArrived(labels.number, in: name, parent: labels.boundVersion)
        }
    }

    func bindLabels(_ start: Scheduler.Start, _ outcome: OpenOutcome, _ tx: LedgerTransaction) throws(LedgerError) {
        guard let run = outcome.run, let gradient = pipelines[start.pipeline]?.optimize?.gradient else { return }
        if case .score = start.work { return }
        try tx.bindLabels(run: run.run, all: gradient.trainOn == .all, isReplay: run.kind == .replay)
    }

    /// Nil for a model that arrives while no labels are known.
    func training(for run: OpenedRun, _ arrival: WaitingArrival, _ pipeline: Pipeline) throws(Failure) -> AttemptSpec.Training? {
        guard pipeline.optimize != nil else { return nil }
        let labels: [LabelledArrival]
        do throws(LedgerError) {
            labels = try ledger.labels(ofRun: run.run)
        } catch {
            throw Failure(.resource, what: "\(error)", place: arrival.path, remedy: "It is tried again.")
        }
        guard !labels.isEmpty else { return nil }
        return AttemptSpec.Training(
            labelled: labels.map { file in
                AttemptSpec.LabelledFile(
                    arrival: file.number, name: file.path,
                    file: .init(
                        path: pipeline.spoolPath(of: .labelled) + "/" + file.path, digest: file.digest,
                        spool: pipeline.spoolPath(of: .labelled)),
                    kept: publisher.keptPath(.labels(digest: file.digest, name: file.path), pipeline: pipeline))
            },
            subject: arrival.role == .labelled ? arrival.number : nil,
            checkpoints: publisher.keptPath(.checkpoints(run: run.run), pipeline: pipeline))
    }

    /// What training starts from: never a quantized model (SEMANTICS 23). A version from before the pipeline trained is taken as it landed.
    func floatModel(version: Int?, _ pipeline: Pipeline) throws(Failure) -> AttemptSpec.InputFile {
        if let version, let digest = versions[pipeline.name]?[version]?.floatDigest {
            return AttemptSpec.InputFile(path: publisher.keptPath(.model(digest: digest), pipeline: pipeline), digest: digest)
        }
        return try activeModel(version: version, pipeline)
    }

    // MARK: Finishing

    /// Keeps labels with which nothing can be trained yet: their rows count when more arrive.
    func keepLabels(_ assignment: Assignment, _ result: AttemptResult, _ ends: inout Ends) {
        guard let wait = result.training?.wait else { return }
        publisher.discard(run: assignment.run.run, attempt: assignment.run.attempt, pipeline: assignment.pipeline, goal: assignment.goal)
        log.notice(
            "labels are kept",
            metadata: [
                "pipeline.name": "\(assignment.pipeline.name)", "file.path": "\(assignment.arrival.path)",
            ].merging(wait.whole.logged) { $1 })
        ends.closed.append(
            .init(
                opened: assignment.opened,
                closing: RunClosing(
                    run: assignment.run.run, outcome: .kept(Explanation(wait)), timings: result.timings, rowCount: result.rowCount),
                training: result.training))
    }

    /// Where a version that this run publishes comes into force.
    func position(of arrival: Int64, role: ArrivalRole, parent: Int?, in pipeline: String) -> Int64 {
        role == .labelled ? scheduler.position(of: arrival, parent: parent, in: pipeline) : arrival
    }

    /// Takes labels that a model was tuned on out of what waits, and does with their files what is done with any input.
    func decided(_ labels: [Int64], by published: Ends.Published, at now: UTCTime) {
        let pipeline = published.assignment.pipeline
        let unusable = published.training?.unusableLabels ?? [:]
        for number in labels {
            let arrival = held[number]
            forget(number, in: pipeline.name)
            guard let arrival else { continue }
            guard let explanation = unusable[number] else {
                dispose(pipeline.input(arrival), pipeline, at: now)
                continue
            }
            let report = QuarantineReport(explanation: explanation, arrival: number, run: arrival.run, attempts: [])
            quarantine(pipeline.input(arrival), report, pipeline, at: now)
            discardRows(of: arrival, pipeline)
        }
    }

    /// Rows that could not be used are not needed any more, unless they could be when they arrived before.
    private func discardRows(of labels: WaitingArrival, _ pipeline: Pipeline) {
        if (try? ledger.isDecided(labels: labels.digest, pipeline: pipeline.name)) != false { return }
        discard(.labels(digest: labels.digest, name: labels.path), pipeline)
    }

    func discard(_ kept: Kept, _ pipeline: Pipeline) {
        do throws(FileSystemError) {
            try publisher.discard(kept, pipeline: pipeline)
        } catch {
            log.warning("what was kept for training stays", metadata: ["pipeline.name": "\(pipeline.name)", "reason": "\(error)"])
        }
    }

    /// The run is decided: what it kept to go on from is not needed any more, nor rows that could not be used.
    func discardTraining(_ end: Ends.Closed) {
        guard end.opened.trains else { return }
        discard(.checkpoints(run: end.opened.run.run), end.opened.pipeline)
        guard end.opened.goal == .fineTune, case .quarantined = end.closing.outcome else { return }
        discardRows(of: end.opened.arrival, end.opened.pipeline)
    }

    /// Float models that no version needs any more go.
    func pruneFloats(of pipeline: Pipeline) throws(LedgerError) {
        guard pipeline.optimize != nil else { return }
        let used = try ledger.floatsInUse(pipeline: pipeline.name)
        do throws(FileSystemError) {
            try publisher.pruneFloats(keeping: used, in: pipeline)
        } catch {
            log.warning("old float models stay", metadata: ["pipeline.name": "\(pipeline.name)", "reason": "\(error)"])
        }
    }
}

extension AttemptSpec.Goal {
    init(_ role: ArrivalRole) {
        switch role {
        case .model: self = .decideModel
        case .labelled: self = .fineTune
        case .data: self = .score
        }
    }
}

extension TrainingReport {
    /// As lists show it.
    var record: TrainingRecord {
        TrainingRecord(
            rejection: rejection?.whole, metric: gate?.metric, before: gate?.before, after: gate?.after, lossPerEpoch: lossPerEpoch)
    }

    /// What becomes of labels that waited while a model was tuned on them.
    func outcome(version: Int) -> LedgerTransaction.LabelsOutcome {
        if let wait { return .kept(Explanation(wait)) }
        guard let rejection else { return .trained(verdict: "trained version \(version)") }
        return .rejected(Explanation(rejection))
    }

    var unusableLabels: [Int64: Explanation] {
        Dictionary(unusable.map { ($0.arrival, Explanation($0.failure)) }, uniquingKeysWith: { first, _ in first })
    }
}

extension Explanation {
    init(_ failure: Failure) {
        self.init(reason: failure.statement, rule: failure.rule, remedy: failure.remedy)
    }
}
