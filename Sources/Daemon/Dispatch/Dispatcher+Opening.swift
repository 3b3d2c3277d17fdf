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
        try window.refill()
        let learning = try pipelinesWithLabels()
        var room = window.room
        let starts = window.starts(at: now) { start in
            // A pipeline that has no work under way may start some, however much other pipelines have.
            guard room > 0 || loads.scoring.backlogs[start.pipeline] == nil else { return false }
            let isAdmitted =
                switch start.work {
                case .fineTune: loads.training.admit(start.pipeline, seconds: nil)
                case .validateModel where learning.contains(start.pipeline): loads.training.admit(start.pipeline, seconds: nil)
                case .validateModel: loads.scoring.admit(start.pipeline, seconds: loads.scoring.slice)
                case .score(let version):
                    mayScore(start, by: version) && loads.scoring.admit(start.pipeline, seconds: seconds(for: start))
                }
            if isAdmitted { room -= 1 }
            return isAdmitted
        }
        guard let starts else { return nil }
        return starts.isEmpty ? [] : try open(starts, at: now)
    }

    private func seconds(for start: Scheduler.Start) -> Double? {
        guard let data = window[start.arrival] else { return 0 }
        return history.seconds(for: data.file.stamp.size, in: start.pipeline)
    }

    /// Returns the pipelines in which a model that arrives is tuned on labels that are known, which is a training.
    private func pipelinesWithLabels() throws(LedgerError) -> Set<String> {
        var found: Set<String> = []
        for pipeline in pipelines.all where pipeline.optimize != nil && scheduler.hasUndecidedModels(in: pipeline.name) {
            if try ledger.hasLabels(pipeline: pipeline.name) { found.insert(pipeline.name) }
        }
        return found
    }

    private func open(_ starts: [Scheduler.Start], at now: UTCTime) throws(LedgerError) -> [Assignment] {
        let openings = starts.map { start in
            var version: Int?
            switch start.work {
            case .validateModel: break
            case .score(let bound), .fineTune(let bound): version = bound
            }
            return RunOpening(arrival: start.arrival, version: version, revision: pipelines.revision(of: start.pipeline)!)
        }
        // A scoring run that is lost in a power cut is opened again: nothing of it is visible before `intend`, and that write is durable
        // and makes this one durable with it.
        let isOnlyScoring = starts.allSatisfy { if case .score = $0.work { true } else { false } }
        FaultPoint.reach(.openBegin)
        let outcomes = try ledger.write(durably: !isOnlyScoring) { (tx) throws(LedgerError) in
            let outcomes = try tx.open(openings, at: now)
            for (start, outcome) in zip(starts, outcomes) { try bindLabels(start, outcome, tx) }
            return outcomes
        }
        FaultPoint.reach(.openRecorded)
        var assignments: [Assignment] = []
        for (start, outcome) in zip(starts, outcomes) {
            let arrival = window.take(start)
            switch outcome {
            case .opened(var run):
                let pipeline = try pipelines.pipeline(start.pipeline, boundTo: &run)
                takeAhead(run, arrival, pipeline)
                if let assignment = try assign(run, arrival, pipeline, at: now) { assignments.append(assignment) }
            case .decidedAlready, .notWaiting:
                scheduler.finished(start.arrival, in: start.pipeline)
            }
        }
        return assignments
    }

    /// Records which labels the run of a start learns from.
    private func bindLabels(_ start: Scheduler.Start, _ outcome: OpenOutcome, _ tx: LedgerTransaction) throws(LedgerError) {
        guard let run = outcome.run, let gradient = pipelines[start.pipeline]?.optimize?.gradient else { return }
        if case .score = start.work { return }
        try tx.bindLabels(run: run.number, all: gradient.trainOn == .all, isReplay: run.kind == .replay)
    }

    /// Returns the attempt of a run; nil where its spec cannot be made, which is recorded as the attempt's failure.
    private func assign(
        _ run: OpenedRun, _ arrival: WaitingArrival, _ pipeline: Pipeline, at now: UTCTime
    ) throws(LedgerError) -> Assignment? {
        var opened = OpenAttempt(arrival: arrival, run: run, pipeline: pipeline)
        let pins = arrival.role == .model ? nil : try columns.pins(of: pipeline.name, revision: run.revision)
        do throws(Failure) {
            let spec = try specs.spec(for: run, arrival, pipeline, pins: pins)
            window.handOut(run.number)
            opened.trains = spec.training != nil
            let seconds = arrival.role == .data ? history.seconds(for: arrival.file.stamp.size, in: pipeline.name) : nil
            return Assignment(spec: spec, opened: opened, seconds: seconds)
        } catch {
            var decisions = RunDecisions()
            fail(opened, error, &decisions, at: now)
            try close(decisions, at: now)
            return nil
        }
    }
}
