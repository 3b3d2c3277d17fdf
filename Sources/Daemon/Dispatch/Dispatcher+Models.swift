import Arrivals
import Attempts
import FileSystem
import Landing
import Ledger
import PipelineConfig
import Reasons

extension Dispatcher {
    /// Gives a model that passed its checks the next number and makes it visible. The number is reserved first, so that a crash between the
    /// two finds it again.
    func publishModel(
        _ assignment: Assignment, _ result: AttemptResult, _ decisions: inout RunDecisions, at now: UTCTime
    ) throws(LedgerError) {
        let pipeline = assignment.pipeline
        let opened = assignment.opened
        if assignment.goal == .fineTune, result.files.isEmpty, result.rowCount == 0 {
            discardStaged(opened)
            decisions.close(opened, .done(verdict: "no rows to learn from"), timings: result.timings, rowCount: 0)
            return
        }
        guard let digest = result.files.modelDigest else {
            let lost = Failure(
                .executorLost, what: "the executor answered without a model", place: assignment.arrival.path, remedy: "It runs again.")
            return fail(opened, lost, &decisions, at: now)
        }
        FaultPoint.reach(.versionReserve)
        let version = try ledger.write { (tx) throws(LedgerError) in
            try tx.intendVersion(run: assignment.run.number, parent: assignment.run.version)
        }
        FaultPoint.reach(.versionReserved)
        var training = result.training
        let letGo = try training?.trainingData.isEmpty == false ? ledger.labelsLetGo(of: pipeline.name) : []
        if !letGo.isEmpty { training?.decisions["labels_let_go"] = .list(letGo.map { .integer($0) }) }
        let staged = StagedModel(
            pipeline: pipeline, version: version, run: assignment.run.number,
            arrival: assignment.arrival.number, file: assignment.arrival.file,
            revision: assignment.run.revision, files: result.files, trial: result.trial, operatorSets: result.operatorSets,
            graph: result.graph, execution: executions.takeOutcome(run: assignment.run.number),
            machine: result.machine, training: training,
            parent: assignment.parentDigest.map { Card.Parent(version: assignment.run.version, digest: $0) })
        let position = versions.position(
            of: assignment.arrival.number, role: assignment.arrival.role, parent: assignment.run.version, in: pipeline.name)
        let floatDigest: String?
        let isNext = try versions.isNext(at: position, in: pipeline.name)
        do throws(FileSystemError) {
            floatDigest = try publisher.publish(staged, activate: isNext)
        } catch {
            fail(opened, Failure(publishing: error, place: staged.root), &decisions, at: now)
            return
        }
        discardStaged(opened)
        decisions.close(opened, .done(verdict: assignment.goal.verdict(version)), timings: result.timings)
        decisions.publish(
            .init(
                assignment: assignment, version: version, modelDigest: digest, floatDigest: floatDigest, card: staged.card,
                training: result.training, position: position))
    }

    /// Removes what an attempt has staged, which is not needed any more.
    func discardStaged(_ attempt: OpenAttempt) {
        publisher.discard(run: attempt.run.number, attempt: attempt.run.attempt, pipeline: attempt.pipeline, goal: attempt.goal)
    }
}
