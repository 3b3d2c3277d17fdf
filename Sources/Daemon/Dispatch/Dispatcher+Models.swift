import Landing
import Ledger
import Logging
import PipelineConfig
import Runner

extension Dispatcher {
    /// Gives a model that passed its checks the next number and makes it visible. The number is reserved first, so that a crash between the
    /// two finds it again.
    func publishModel(_ assignment: Assignment, _ result: AttemptResult, _ ends: inout Ends, at now: UTCTime) throws(LedgerError) {
        let pipeline = assignment.pipeline
        guard let digest = result.files.first(where: { $0.path.hasSuffix("/model.onnx") })?.digest else {
            let lost = Failure(.executorLost, what: "the executor answered without a model", place: assignment.arrival.path, remedy: "It runs again.")
            return fail(assignment, lost, &ends, at: now)
        }
        let version = try ledger.write { (tx) throws(LedgerError) in try tx.intendVersion(run: assignment.run.run) }
        let staged = DecidedModel(
            pipeline: pipeline, version: version, run: assignment.run.run,
            arrival: assignment.arrival.number, input: assignment.arrival.path, inputDigest: assignment.arrival.digest,
            revision: assignment.run.revision, files: result.files, facts: result.facts)
        do throws(LandingError) {
            try publisher.publish(staged, activate: willBeActive(assignment))
        } catch {
            fail(assignment, Failure(publishing: error, place: staged.root), &ends, at: now)
            return
        }
        publisher.discard(run: assignment.run.run, attempt: assignment.run.attempt, pipeline: pipeline, goal: .decideModel)
        ends.closed.append(
            .init(
                assignment: assignment,
                closing: RunClosing(
                    run: assignment.run.run, outcome: .done(verdict: "published \(version)"), timings: result.timings)))
        ends.published.append(.init(assignment: assignment, version: version, modelDigest: digest, card: staged.card))
    }

    /// Unless someone went back to another version after this model arrived.
    private func willBeActive(_ assignment: Assignment) -> Bool {
        scheduler.lastActivation(in: assignment.pipeline.name).map { $0.position <= assignment.arrival.number } ?? true
    }

    /// The ledger has it: from here on data may be scored by it.
    func versionIsInForce(_ activation: VersionActivation, _ published: Ends.Published, at now: UTCTime) throws(LedgerError) {
        let pipeline = published.assignment.pipeline
        scheduler.activated(.init(position: activation.position, version: activation.version), in: pipeline.name)
        stale.insert(pipeline.name)
        log.notice(
            "version published",
            metadata: [
                "pipeline.name": "\(pipeline.name)", "model.version": "\(activation.version)",
                "file.path": "\(published.assignment.arrival.path)",
            ])
        if let landing = pipeline.land.models {
            let old = try ledger.write { (tx) throws(LedgerError) in try tx.prune(pipeline: pipeline.name, keep: landing.keep, at: now) }
            if !old.isEmpty {
                do throws(LandingError) {
                    try publisher.prune(versions: old, in: pipeline)
                } catch {
                    log.warning("old versions stay", metadata: ["pipeline.name": "\(pipeline.name)", "reason": "\(error)"])
                }
            }
        }
        try readVersions(of: pipeline.name)
    }
}
