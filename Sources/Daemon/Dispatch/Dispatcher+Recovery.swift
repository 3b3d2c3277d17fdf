package import Arrivals
import Attempts
import FileSystem
import Landing
package import Ledger
import Logging
import PipelineConfig
import Reasons
import SystemPackage

extension Dispatcher {
    /// Settles what a daemon that was killed left open: runs whose results are all in place are closed as done, the others start another
    /// attempt under their old binding. Before anything else is dispatched, and when a pipeline comes back that was away.
    ///
    /// - Parameter death: how the process before this one died of what it executed.
    package func recover(at now: UTCTime, after death: ProcessDeath? = nil) throws(LedgerError) {
        var interrupted: [Int64] = []
        var isLeft = false
        for open in try ledger.openRuns() {
            guard !window.isHandedOut(open.run), !unfinished.contains(open.run), let current = pipelines[open.arrival.pipeline] else {
                continue
            }
            let pipeline = try pipelines.pipeline(current.name, under: open.revision) ?? current
            var isDone = false
            do throws(FileSystemError) {
                isDone = try open.intendedVersion != nil ? recoverModel(open, pipeline, at: now) : recoverOutput(open, pipeline, at: now)
            } catch {
                log.error("what an earlier daemon left cannot be finished", metadata: ["run.id": .number(open.run), "reason": "\(error)"])
                // What may stand under its final name already is not left without its manifest line.
                if waitsForMachine(open, current, error) {
                    isLeft = true
                    continue
                }
            }
            if !isDone, open.arrival.state == .running { interrupted.append(open.run) }
        }
        if !interrupted.isEmpty {
            try suspects.recordInterrupted(interrupted, by: death, at: now)
            log.notice("work of an earlier daemon starts again", metadata: ["runs": .number(interrupted.count)])
        }
        unfinished.recovered(at: now, isLeft: isLeft)
        for culprit in try suspects.isolate(at: now, among: pipelines, besides: window.isHandedOut) {
            try quarantine(culprit, at: now)
        }
        try settling.readAll()
        try removal.removeMarked(at: now)
        for pipeline in pipelines.all {
            window.readAgain(pipeline.name)
            try versions.pruneFloatModels(of: pipeline)
        }
        try versions.prunePreparedModels(isStart: true)
    }

    private func recoverModel(_ open: OpenRun, _ pipeline: Pipeline, at now: UTCTime) throws(FileSystemError) -> Bool {
        guard let version = open.intendedVersion, let landing = pipeline.land.models,
            let found = try publisher.publishedModel(version: version, arrival: open.arrival.number, in: pipeline)
        else { return false }
        let verdict = AttemptSpec.Goal(open.arrival.role).verdict(version)
        let position = versions.position(of: open.arrival.number, role: open.arrival.role, parent: open.version, in: pipeline.name)
        let activation = try recorded { () throws(LedgerError) in
            try self.ledger.write { (tx) throws(LedgerError) in
                try tx.close([RunClosing(run: open.run, outcome: .done(verdict: verdict))], at: now)
                if let training = found.training {
                    _ = try tx.decideLabels(run: open.run, training.outcome(version: version), unusable: training.unusableLabels)
                }
                return try tx.publishVersion(
                    run: open.run, modelDigest: found.digest, card: "\(landing.path)/\(version)/card.json",
                    parentDigest: found.parentDigest,
                    floatDigest: found.floatDigest, training: found.training?.record, position: position, at: now)
            }
        }
        try versions.recovered(version, activation, in: pipeline)
        return true
    }

    private func recoverOutput(_ open: OpenRun, _ pipeline: Pipeline, at now: UTCTime) throws(FileSystemError) -> Bool {
        guard !open.intended.isEmpty else { return false }
        let pins = try recorded { () throws(LedgerError) in try self.columns.pins(of: pipeline.name, revision: open.revision) }
        var outputs: [StagedOutput] = []
        for publication in open.intended {
            let root = FilePath(publication.root)
            let unfinished = try recorded { () throws(LedgerError) in try self.ledger.unfinished(publication) }
            let staged = (try? publisher.stagingPath(run: open.run, attempt: open.attempt, pipeline: pipeline, goal: .score)) ?? ""
            outputs.append(
                StagedOutput(
                    run: open.run, staged: FilePath(staged), target: root.appending(FilePath(publication.path).components),
                    outputRoot: root,
                    access: pipeline.land.access.landing,
                    replaces: [(try? ledger.owner(root: publication.root, path: publication.path))?.digest].compactMap(\.self) + unfinished,
                    provenance: Provenance(
                        pipeline: pipeline.name, input: open.arrival.path, inputDigest: open.arrival.digest ?? "", rows: nil,
                        modelVersion: open.version, modelDigest: versions.digest(of: open.version, in: pipeline.name),
                        revision: open.revision, arrival: open.arrival.number,
                        pins: pins.arrivals.contains(open.arrival.number) ? pins.manifest : nil),
                    digest: publication.digest))
        }
        guard try publisher.recover(outputs).allSatisfy({ $0 }) else { return false }
        try recorded { () throws(LedgerError) in
            try self.ledger.write { (tx) throws(LedgerError) in
                try tx.close([RunClosing(run: open.run, outcome: .done(verdict: nil))], at: now)
            }
        }
        return true
    }

    private func recorded<T>(_ body: () throws(LedgerError) -> T) throws(FileSystemError) -> T {
        do throws(LedgerError) { return try body() } catch { throw .ledger(step: "the recovery", cause: "\(error)") }
    }

    /// Returns whether an earlier daemon's output is to be finished once the machine allows it. One whose folder the pipeline has left is
    /// made again in the new one instead.
    private func waitsForMachine(_ open: OpenRun, _ pipeline: Pipeline, _ error: FileSystemError) -> Bool {
        guard let landing = pipeline.land.outputs, open.intended.contains(where: { $0.root == landing.path }) else { return false }
        return Failure(publishing: error, place: open.arrival.path).kind == .machine
    }

    // MARK: What the process died of

    /// Puts an input into quarantine whose attempts are used up by deaths of the process.
    private func quarantine(_ culprit: SuspectRuns.Culprit, at now: UTCTime) throws(LedgerError) {
        let pipeline = culprit.pipeline
        guard let arrival = try ledger.arrival(culprit.arrival), arrival.state == .waiting else { return }
        let times = culprit.deaths == 1 ? "once" : "\(culprit.deaths) times"
        let place = pipeline.spoolPath(of: arrival.role) + "/" + arrival.path
        let explanation = Explanation(
            reason: "\(place): the process died \(times) at it, while nothing else was worked on", rule: .attemptDeath)
        let waiting = try ledger.waiting(pipeline: pipeline.name, role: arrival.role, after: arrival.number - 1, limit: 1).first
        let report = QuarantineReport(
            explanation: explanation, arrival: arrival.number, run: culprit.run, attempts: try ledger.attempts(ofRun: culprit.run))
        if let waiting, waiting.number == arrival.number { inputs.quarantine(waiting.file, report, pipeline, at: now) }
        try ledger.write { (tx) throws(LedgerError) in
            try tx.close([RunClosing(run: culprit.run, outcome: .quarantined(explanation))], at: now)
            try tx.acquit([culprit.run])
            try tx.append([NewEvent("quarantined", pipeline: pipeline.name, arrival: arrival.number, run: culprit.run)], at: now)
        }
        countProblem()
        log.warning(
            "quarantined",
            metadata: ["pipeline.name": "\(pipeline.name)", "file.path": "\(arrival.path)"].merging(explanation.whole.logged) { $1 })
    }
}
