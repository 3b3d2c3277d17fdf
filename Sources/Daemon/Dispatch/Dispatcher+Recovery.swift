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
    /// attempt under their old binding. It runs before anything else is dispatched, and when a pipeline comes back that was away.
    package func recover(at now: UTCTime) throws(LedgerError) {
        var interrupted: [Int64] = []
        var isLeft = false
        for open in try ledger.openRuns() {
            guard !window.isHandedOut(open.number), !unfinished.contains(open.number), let current = pipelines[open.arrival.pipeline] else {
                continue
            }
            let pipeline = try pipelines.pipeline(current.name, under: open.revision) ?? current
            var isDone = false
            do throws(FileSystemError) {
                isDone = try open.intendedVersion != nil ? recoverModel(open, pipeline, at: now) : recoverOutput(open, pipeline, at: now)
            } catch {
                log.error(
                    "what an earlier daemon left cannot be finished", metadata: ["run.id": .number(open.number), "reason": "\(error)"])
                // An output that may already have its final name is not left without its manifest line.
                if waitsForMachine(open, current, error) {
                    isLeft = true
                    continue
                }
            }
            if !isDone, open.arrival.state == .running { interrupted.append(open.number) }
        }
        if !interrupted.isEmpty {
            try ledger.write { (tx) throws(LedgerError) in try tx.interrupted(interrupted, at: now) }
            FaultPoint.reach(.recoverInterrupted)
            log.notice("work of an earlier daemon starts again", metadata: ["runs": .number(interrupted.count)])
        }
        unfinished.recovered(at: now, isLeft: isLeft)
        try settling.readAll()
        try removal.removeMarked(at: now)
        for pipeline in pipelines.all {
            window.readAgain(pipeline.name)
            versions.removePruned(of: pipeline)
            try versions.pruneFloatModels(of: pipeline)
        }
        try versions.prunePreparedModels(isStart: true)
    }

    private func recoverModel(_ open: InterruptedRun, _ pipeline: Pipeline, at now: UTCTime) throws(FileSystemError) -> Bool {
        guard let version = open.intendedVersion, let landing = pipeline.land.models,
            let found = try publisher.publishedModel(version: version, arrival: open.arrival.number, in: pipeline)
        else { return false }
        FaultPoint.reach(.recoverModel)
        let verdict = AttemptSpec.Goal(open.arrival.role).verdict(version)
        let position = versions.position(of: open.arrival.number, role: open.arrival.role, parent: open.version, in: pipeline.name)
        let activation = try recorded { () throws(LedgerError) in
            try self.ledger.write { (tx) throws(LedgerError) in
                let closing = RunClosing(run: open.number, outcome: .done(verdict: verdict), machine: found.machine)
                try tx.close([closing], at: now)
                if let training = found.training {
                    _ = try tx.decideLabels(run: open.number, training.outcome(version: version), unusable: training.unusableLabels)
                }
                let activation = try tx.publishVersion(
                    run: open.number, modelDigest: found.digest, card: "\(landing.path)/\(version)/card.json",
                    parentDigest: found.parentDigest,
                    floatDigest: found.floatDigest, training: found.training?.record, position: position, at: now)
                let arrival = open.arrival.number
                try tx.append(
                    [
                        closing.event(of: arrival, in: pipeline.name),
                        .published(version, of: arrival, in: pipeline.name, run: open.number),
                    ], at: now)
                return activation
            }
        }
        try versions.recovered(version, activation, in: pipeline)
        return true
    }

    private func recoverOutput(_ open: InterruptedRun, _ pipeline: Pipeline, at now: UTCTime) throws(FileSystemError) -> Bool {
        guard !open.intended.isEmpty else { return false }
        let pins = try recorded { () throws(LedgerError) in try self.columns.pins(of: pipeline.name, revision: open.revision) }
        var outputs: [StagedOutput] = []
        for publication in open.intended {
            let file = publication.output
            let unfinished = try recorded { () throws(LedgerError) in try self.ledger.unfinished(publication) }
            let staged = (try? publisher.stagingPath(run: open.number, attempt: open.attempt, pipeline: pipeline, goal: .score)) ?? ""
            outputs.append(
                StagedOutput(
                    run: open.number, staged: FilePath(staged), file: file, access: pipeline.land.access.landing,
                    replaces: [(try? ledger.owner(root: file.root, path: file.path))?.output.digest].compactMap(\.self) + unfinished,
                    provenance: Provenance(
                        pipeline: pipeline.name, input: open.arrival.path, inputDigest: open.arrival.digest ?? "", rows: nil,
                        modelVersion: open.version, modelDigest: versions.digest(of: open.version, in: pipeline.name),
                        revision: open.revision, arrival: open.arrival.number, execution: publication.execution,
                        pins: pins.arrivals.contains(open.arrival.number) ? pins.manifest : nil)))
        }
        guard try publisher.recover(outputs).allSatisfy({ $0 }) else { return false }
        FaultPoint.reach(.recoverOutput)
        try recorded { () throws(LedgerError) in
            try self.ledger.write { (tx) throws(LedgerError) in
                let closing = RunClosing(run: open.number, outcome: .done(verdict: nil))
                try tx.close([closing], at: now)
                try tx.append([closing.event(of: open.arrival.number, in: pipeline.name)], at: now)
            }
        }
        return true
    }

    private func recorded<T>(_ body: () throws(LedgerError) -> T) throws(FileSystemError) -> T {
        do throws(LedgerError) { return try body() } catch { throw .ledger(step: "the recovery", cause: "\(error)") }
    }

    /// Returns whether an earlier daemon's output is to be finished once the machine allows it. One whose folder the pipeline has left is
    /// made again in the new one instead.
    private func waitsForMachine(_ open: InterruptedRun, _ pipeline: Pipeline, _ error: FileSystemError) -> Bool {
        guard let landing = pipeline.land.outputs, open.intended.contains(where: { $0.output.root == landing.path }) else { return false }
        return Failure(publishing: error, place: open.arrival.path).kind == .machine
    }
}
