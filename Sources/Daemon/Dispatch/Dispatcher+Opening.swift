package import Arrivals
import Attempts
import FileSystem
package import Ledger
import PipelineConfig
import Reasons
import Recipes

extension Dispatcher {
    /// Opens runs for whatever may start now and `loads` have room for, and returns their attempts.
    package func assignments(at now: UTCTime, for loads: WorkLoads = .none) throws(LedgerError) -> [Assignment] {
        var loads = loads
        // An arrival may be decided without a run, such as a model with the content of a rejected one; then the arrivals that waited for it
        // may start.
        while true {
            guard let assignments = try nextAssignments(at: now, &loads) else { return [] }
            if !assignments.isEmpty { return assignments }
        }
    }

    /// Returns the next assignments; nil where nothing may start.
    private func nextAssignments(at now: UTCTime, _ loads: inout WorkLoads) throws(LedgerError) -> [Assignment]? {
        try refill()
        let learning = try pipelinesWithLabels()
        var room = configuration.window - inFlight.count
        var starts = scheduler.starts(now: now.scheduling) { start in
            // The first work of a pipeline is held up by no number of others'.
            guard room > 0 || loads.scoring.lots[start.pipeline] == nil else { return false }
            let isAdmitted =
                switch start.work {
                case .fineTune: loads.training.admit(start.pipeline, seconds: nil)
                case .decideModel where learning.contains(start.pipeline): loads.training.admit(start.pipeline, seconds: nil)
                case .decideModel: loads.scoring.admit(start.pipeline, seconds: loads.scoring.slice)
                case .score: loads.scoring.admit(start.pipeline, seconds: seconds(for: start.arrival, in: start.pipeline))
                }
            if isAdmitted { room -= 1 }
            return isAdmitted
        }
        if starts.isEmpty { return nil }
        starts.removeAll { start in
            guard held[start.arrival] == nil else { return false }
            scheduler.finished(start.arrival, in: start.pipeline)
            return true
        }
        guard !starts.isEmpty else { return [] }
        let openings = starts.map { start in
            var version: Int?
            switch start.work {
            case .decideModel: break
            case .score(let bound), .fineTune(let bound): version = bound
            }
            return RunOpening(arrival: start.arrival, version: version, revision: revisions[start.pipeline]!)
        }
        // A scoring run that is lost with the power is opened again: nothing of it is visible before `intend`, which is durable and this
        // with it.
        let isOnlyScoring = starts.allSatisfy { if case .score = $0.work { true } else { false } }
        let outcomes = try ledger.write(durably: !isOnlyScoring) { (tx) throws(LedgerError) in
            let outcomes = try tx.open(openings, at: now)
            for (start, outcome) in zip(starts, outcomes) { try bindLabels(start, outcome, tx) }
            return outcomes
        }
        var assignments: [Assignment] = []
        for (start, outcome) in zip(starts, outcomes) {
            let arrival = held.removeValue(forKey: start.arrival)!
            switch outcome {
            case .opened(var run):
                let pipeline = try boundPipeline(of: &run, named: start.pipeline)
                if let assignment = try assign(run, arrival, pipeline, at: now) { assignments.append(assignment) }
            case .decidedAlready, .notWaiting:
                scheduler.finished(start.arrival, in: start.pipeline)
            }
        }
        return assignments
    }

    /// The spec of one attempt. Nil where it cannot be made, which is recorded as the attempt's failure.
    private func assign(
        _ run: OpenedRun, _ arrival: WaitingArrival, _ pipeline: Pipeline, at now: UTCTime
    ) throws(LedgerError) -> Assignment? {
        let goal = AttemptSpec.Goal(arrival.role)
        let pins = goal == .decideModel ? nil : try pins(of: pipeline.name, revision: run.revision)
        do throws(Failure) {
            var spec = try spec(for: run, arrival, pipeline, goal)
            spec.columns = pins?.orders ?? [:]
            spec.types = pins?.types ?? [:]
            inFlight.insert(run.run)
            let opened = Opened(arrival: arrival, run: run, pipeline: pipeline, trains: spec.training != nil)
            var assignment = Assignment(spec: spec, opened: opened)
            if goal == .score { assignment.seconds = paces[pipeline.name]?.seconds(for: arrival.stamp.size) }
            return assignment
        } catch {
            var ends = Ends()
            fail(Opened(arrival: arrival, run: run, pipeline: pipeline), error, &ends, at: now)
            try close(ends, at: now)
            return nil
        }
    }

    private func spec(
        for run: OpenedRun, _ arrival: WaitingArrival, _ pipeline: Pipeline, _ goal: AttemptSpec.Goal
    ) throws(Failure) -> AttemptSpec {
        let putAway = putAwayPath(arrival, pipeline)
        let path = putAway ?? pipeline.spoolPath(of: arrival.role) + "/" + arrival.path
        let input = AttemptSpec.InputFile(
            path: path, digest: arrival.digest, companions: arrival.companions.map(\.path),
            spool: putAway == nil ? pipeline.spoolPath(of: arrival.role) : nil, stamp: putAway == nil ? arrival.stamp : nil)
        var limits = AttemptSpec.Limits(seconds: pipeline.limits.time?.seconds, threads: configuration.threads)
        if let threads = pipeline.forward?.threads { limits.threads = threads }
        let staged: String
        do throws(FileSystemError) {
            staged = try publisher.stagingPath(run: run.run, attempt: run.attempt, pipeline: pipeline, goal: goal)
        } catch {
            throw Failure(publishing: error, place: input.path)
        }
        let training = goal == .score ? nil : try training(for: run, arrival, pipeline)
        if training != nil, let threads = pipeline.optimize?.gradient.threads { limits.threads = threads }
        let rows = scoredRows[pipeline.name]
        let work: AttemptSpec.Work
        var provenance: [String: String] = [
            "millrace.pipeline": pipeline.name, "millrace.revision": run.revision, "millrace.arrival": "\(arrival.number)",
            "millrace.input": arrival.path, "millrace.input.digest": arrival.digest,
        ]
        switch goal {
        case .decideModel:
            work = .decideModel(.init(model: input, rows: rows, directory: staged), training: training)
        case .fineTune:
            let parent = try floatModel(version: run.version, pipeline)
            guard let training else {
                throw Failure(.executorLost, what: "no labels are bound to its run", place: arrival.path, remedy: "It runs again.")
            }
            work = .fineTune(.init(model: parent, rows: rows, directory: staged), training: training)
            provenance["millrace.parent.version"] = run.version.map(String.init)
            provenance["millrace.parent.digest"] = parent.digest
        case .score:
            let model = try activeModel(version: run.version, pipeline)
            work = .score(.init(model: model, data: input, output: staged, format: pipeline.land.outputs!.format))
            provenance["millrace.model.version"] = run.version.map(String.init)
            provenance["millrace.model.digest"] = model.digest
        }
        var spec = AttemptSpec(
            run: run.run, attempt: run.attempt, pipeline: pipeline.name, work: work, schema: pipeline.schema, stages: pipeline.stages,
            provenance: provenance, limits: limits)
        spec.hidesValues = configuration.hidesValues
        return spec
    }

    private func seconds(for arrival: Int64, in pipeline: String) -> Double? {
        guard let data = held[arrival] else { return 0 }
        return paces[pipeline]?.seconds(for: data.stamp.size)
    }

    /// The pipelines in which a model that arrives is tuned on labels that are known, which is a training.
    private func pipelinesWithLabels() throws(LedgerError) -> Set<String> {
        var found: Set<String> = []
        for (name, pipeline) in pipelines where pipeline.optimize != nil && scheduler.hasUndecidedModels(in: name) {
            if try ledger.hasLabels(pipeline: name) { found.insert(name) }
        }
        return found
    }

    /// Where an input is that was archived, or moved to quarantine, and is worked on again; nil for those that are in their spool.
    private func putAwayPath(_ arrival: WaitingArrival, _ pipeline: Pipeline) -> String? {
        guard pipeline.after != .keep, arrival.isReplay || arrival.run != nil else { return nil }
        let input = DecidedInput(
            pipeline: pipeline.name, role: arrival.role, path: arrival.path, digest: arrival.digest, companions: arrival.companions)
        return publisher.inputPath(input, pipeline: pipeline)
    }

    func activeModel(version: Int?, _ pipeline: Pipeline) throws(Failure) -> AttemptSpec.InputFile {
        guard let version, let record = versions[pipeline.name]?[version], let digest = record.modelDigest,
            let landing = pipeline.land.models
        else {
            throw Failure(
                .modelUnavailable, what: "version \(version ?? 0) is not among the pipeline's versions", place: pipeline.name,
                remedy: "Look at `millrace models \(pipeline.name)` and activate another.")
        }
        return AttemptSpec.InputFile(path: "\(landing.path)/\(version)/model.onnx", digest: digest)
    }

    /// Reads waiting arrivals from the ledger where there may be some that are not held; only a window of data is.
    private func refill() throws(LedgerError) {
        for pipeline in pipelines.keys.sorted() where stale.contains(pipeline) {
            guard scheduler.heldData(in: pipeline) < configuration.window else { continue }
            for model in try ledger.waiting(pipeline: pipeline, role: .model, after: 0, limit: Int.max) where held[model.number] == nil {
                hold(model)
                scheduler.modelArrived(model.number, in: pipeline)
            }
            try refillLabels(of: pipeline)
            var after: Int64 = 0
            var isExhausted = false
            while scheduler.heldData(in: pipeline) < 2 * configuration.window, !isExhausted {
                let page = try ledger.waiting(pipeline: pipeline, role: .data, after: after, limit: 2 * configuration.window)
                for data in page where held[data.number] == nil {
                    hold(data)
                    let binding: Scheduler.Binding =
                        data.boundVersion.map { .bound($0) } ?? (data.isReplay ? .byNow : .byPlace)
                    scheduler.dataArrived(data.number, in: pipeline, binding: binding)
                }
                isExhausted = page.count < 2 * configuration.window
                after = page.last?.number ?? after
            }
            if isExhausted { stale.remove(pipeline) }
        }
    }

    func hold(_ arrival: WaitingArrival) {
        held[arrival.number] = arrival
        newest[arrival.pipeline] = max(newest[arrival.pipeline] ?? 0, arrival.number)
        if let due = arrival.nextAttemptAt { scheduler.failed(arrival.number, in: arrival.pipeline, retryAt: due.scheduling) }
    }
}

extension Pipeline {
    package func spoolPath(of role: ArrivalRole) -> String {
        switch role {
        case .model: spool.models?.path ?? ""
        case .labelled: spool.labelled?.path ?? ""
        case .data: spool.data?.path ?? ""
        }
    }
}
