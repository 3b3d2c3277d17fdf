import Arrivals
import Attempts
import FileSystem
import Landing
import Ledger
import Logging
import PipelineConfig
import Reasons

extension Dispatcher {
    /// Gives a model that passed its checks the next number and makes it visible. The number is reserved first, so that a crash between the
    /// two finds it again.
    func publishModel(_ assignment: Assignment, _ result: AttemptResult, _ ends: inout Ends, at now: UTCTime) throws(LedgerError) {
        let pipeline = assignment.pipeline
        if assignment.goal == .fineTune, result.files.isEmpty, result.rowCount == 0 {
            publisher.discard(run: assignment.run.run, attempt: assignment.run.attempt, pipeline: pipeline, goal: assignment.goal)
            ends.closed.append(
                .init(
                    opened: assignment.opened,
                    closing: RunClosing(
                        run: assignment.run.run, outcome: .done(verdict: "no rows to learn from"), timings: result.timings, rowCount: 0)))
            return
        }
        guard let digest = result.files.modelDigest else {
            let lost = Failure(
                .executorLost, what: "the executor answered without a model", place: assignment.arrival.path, remedy: "It runs again.")
            return fail(assignment.opened, lost, &ends, at: now)
        }
        let version = try ledger.write { (tx) throws(LedgerError) in
            try tx.intendVersion(run: assignment.run.run, parent: assignment.run.version)
        }
        var training = result.training
        let letGo = try training?.trainingData.isEmpty == false ? ledger.labelsLetGo(of: pipeline.name) : []
        if !letGo.isEmpty { training?.decisions["labels_let_go"] = .list(letGo.map { .integer($0) }) }
        let staged = DecidedModel(
            pipeline: pipeline, version: version, run: assignment.run.run,
            arrival: assignment.arrival.number, input: assignment.arrival.path, inputDigest: assignment.arrival.digest,
            revision: assignment.run.revision, files: result.files, trial: result.trial, operatorSets: result.operatorSets,
            training: training,
            parent: assignment.parentDigest.map { Card.Parent(version: assignment.run.version, digest: $0) })
        let floatDigest: String?
        let isNext = try willBeActive(assignment)
        do throws(FileSystemError) {
            floatDigest = try publisher.publish(staged, activate: isNext)
        } catch {
            fail(assignment.opened, Failure(publishing: error, place: staged.root), &ends, at: now)
            return
        }
        publisher.discard(run: assignment.run.run, attempt: assignment.run.attempt, pipeline: pipeline, goal: assignment.goal)
        ends.closed.append(
            .init(
                opened: assignment.opened,
                closing: RunClosing(
                    run: assignment.run.run, outcome: .done(verdict: assignment.goal.verdict(version)), timings: result.timings)))
        ends.published.append(
            .init(
                assignment: assignment, version: version, modelDigest: digest, floatDigest: floatDigest, card: staged.card,
                training: result.training))
    }

    /// Unless a version is pinned, or someone went back to another version after this model arrived, or what labels were trained from is
    /// not in force any more.
    private func willBeActive(_ assignment: Assignment) throws(LedgerError) -> Bool {
        if try ledger.pinnedVersion(pipeline: assignment.pipeline.name) != nil { return false }
        return scheduler.lastActivation(in: assignment.pipeline.name).map { $0.position <= position(of: assignment) } ?? true
    }

    func position(of assignment: Assignment) -> Int64 {
        position(
            of: assignment.arrival.number, role: assignment.arrival.role, parent: assignment.run.version, in: assignment.pipeline.name)
    }

    /// The ledger has it: from here on data may be scored by it, unless another version is pinned.
    func versionIsPublished(_ activation: VersionActivation?, _ published: Ends.Published, at now: UTCTime) throws(LedgerError) {
        let pipeline = published.assignment.pipeline
        if let activation { scheduler.activated(.init(position: activation.position, version: activation.version), in: pipeline.name) }
        stale.insert(pipeline.name)
        log.notice(
            activation == nil ? "version published, and not in force, since another is pinned" : "version published",
            metadata: [
                "pipeline.name": "\(pipeline.name)", "model.version": .number(published.version),
                "file.path": "\(published.assignment.arrival.path)",
            ])
        if let landing = pipeline.land.models {
            let old = try ledger.write { (tx) throws(LedgerError) in try tx.prune(pipeline: pipeline.name, keep: landing.keep, at: now) }
            if !old.isEmpty {
                do throws(FileSystemError) {
                    try publisher.prune(versions: old, in: pipeline)
                } catch {
                    log.warning("old versions stay", metadata: ["pipeline.name": "\(pipeline.name)", "reason": "\(error)"])
                }
            }
        }
        try readVersions(of: pipeline.name)
        try pruneFloats(of: pipeline)
    }
}

extension Dispatcher {
    /// A model came again that is known already: says whether its version is in force, and which command puts it there.
    func tellKnown(_ file: ArrivingFile) {
        guard file.role == .model else { return }
        let own = (versions[file.pipeline] ?? [:]).values.filter { $0.verdict == .published && $0.sourceDigest == file.digest }
        guard let version = own.filter({ !$0.isPruned }).compactMap(\.version).max() ?? own.compactMap(\.version).max() else { return }
        let isPruned = versions[file.pipeline]?[version]?.isPruned ?? false
        if scheduler.activeVersion(in: file.pipeline) == version { return }
        log.warning(
            "a known model does not come into force by being dropped again",
            metadata: [
                "pipeline.name": "\(file.pipeline)", "file.path": "\(file.path)", "model.version": "\(version)",
                "remedy": isPruned
                    ? "millrace replay \(file.path) makes a version of it again" : "millrace activate \(file.pipeline) \(version)",
            ])
    }
}

extension AttemptSpec.Goal {
    /// Of an arrival that became a version.
    func verdict(_ version: Int) -> String { self == .fineTune ? "trained version \(version)" : "published \(version)" }
}

extension Dispatcher.Assignment {
    /// Of the float model that labels were trained from; nil for a model that arrived.
    var parentDigest: String? { goal == .fineTune ? spec.model.digest : nil }
}
