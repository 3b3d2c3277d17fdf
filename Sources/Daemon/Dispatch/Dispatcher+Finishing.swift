package import Arrivals
package import Attempts
import FileSystem
import Landing
package import Ledger
import Machine
import PipelineConfig
import Reasons
import SystemPackage

extension Dispatcher {
    package typealias Finished = (assignment: Assignment, result: AttemptResult)

    /// Takes the answers of attempts: publishes what succeeded, all in one round, and does what the failure policy says about the rest.
    package func finish(_ results: [Finished], at now: UTCTime) throws(LedgerError) {
        FaultPoint.reach(.answerTaken)
        var outputs: [(assignment: Assignment, result: AttemptResult)] = []
        var decisions = RunDecisions()
        for (assignment, answer) in results.sorted(by: { $0.assignment.arrival.number < $1.assignment.arrival.number }) {
            let result = told(answer, of: assignment.pipeline.name)
            window.takeBack(assignment.run.number)
            decisions.note(result.machine, of: assignment.run.number)
            noteAbsent(result, assignment.opened)
            if assignment.goal == .score, let seconds = result.timings["total"] {
                history.took(seconds, byteCount: assignment.arrival.file.stamp.size, in: assignment.pipeline.name)
            }
            if let failure = result.failure {
                fail(assignment.opened, failure, &decisions, at: now, training: result.training)
            } else if let failure = try columns.pin(assignment.opened, result) {
                fail(assignment.opened, failure, &decisions, at: now)
            } else {
                switch assignment.goal {
                case .fineTune where result.training?.wait != nil: keepLabels(assignment, result, &decisions)
                case .validateModel, .fineTune:
                    if measuresFirst(assignment, result) {
                        window.handOut(assignment.run.number)
                    } else {
                        try publishModel(assignment, result, &decisions, at: now)
                    }
                case .score: outputs.append((assignment, result))
                }
            }
        }
        try publishOutputs(outputs, &decisions, at: now)
        try close(decisions, at: now)
    }

    private func publishOutputs(
        _ results: [(assignment: Assignment, result: AttemptResult)], _ decisions: inout RunDecisions, at now: UTCTime
    ) throws(LedgerError) {
        var ready: [(assignment: Assignment, result: AttemptResult, output: StagedOutput)] = []
        for (assignment, result) in results {
            do throws(FileSystemError) {
                let path = try ledger.outputPath(of: assignment.opened)
                let pins = columns.manifest(of: assignment.opened)
                ready.append((assignment, result, assignment.stagedOutput(result, path: path, pins: pins)))
            } catch {
                fail(assignment.opened, Failure(publishing: error, place: assignment.arrival.path), &decisions, at: now)
            }
        }
        guard !ready.isEmpty else { return }
        let mayReplace = Set(ready.filter { $0.assignment.run.mayReplace }.map { $0.assignment.run.number })
        let machines = Dictionary(ready.map { ($0.assignment.run.number, $0.result.machine) }, uniquingKeysWith: { first, _ in first })
        let outcomes = try publish(ready.map(\.output), mayReplace: mayReplace, machines: machines.compactMapValues(\.self))
        for ((assignment, result, output), outcome) in zip(ready, outcomes) {
            switch outcome {
            case .success:
                landed(assignment, result, &decisions)
            case .failure(.targetOwned(_, by: let owner, refused: let input)):
                let failure = Failure(
                    .badInput, rule: .outputCollision, what: "its output \(output.file.path) is already that of \(owner)", place: input,
                    remedy: "Rename one of the two inputs, then `millrace retry`.")
                fail(assignment.opened, failure, &decisions, at: now)
            case .failure(let error):
                let failure = Failure(publishing: error, place: assignment.arrival.path)
                if case .unfinished = error, failure.kind == .machine {
                    finishLater(assignment, result, output, failure, at: now)
                } else {
                    fail(assignment.opened, failure, &decisions, at: now)
                }
            }
        }
    }

    /// Makes outputs durable and records what is about to be published, both at the same time; then makes them visible. Returns what became
    /// of each.
    /// - Parameters:
    ///   - mayReplace: the runs for whose input there was an attempt, or other content, before.
    ///   - machines: the machines on which the outputs were made, by run.
    private func publish(
        _ outputs: [StagedOutput], mayReplace: Set<Int64>, machines: [Int64: AttemptMachine]
    ) throws(LedgerError) -> PublishingRound.Results {
        let round: PublishingRound
        do throws(FileSystemError) { round = try publisher.begin(outputs) } catch { return outputs.map { _ in .failure(error) } }
        FaultPoint.reach(.landIntend)
        let permissions = try round.ready.isEmpty ? [] : ledger.intend(round.ready, mayReplace: mayReplace, machines: machines)
        FaultPoint.reach(.landIntended)
        do throws(FileSystemError) { return try round.land(permissions) } catch { return outputs.map { _ in .failure(error) } }
    }

    /// Closes the run of an output that is visible, durable and in its manifest.
    private func landed(_ assignment: Assignment, _ result: AttemptResult, _ decisions: inout RunDecisions) {
        let (pipeline, revision) = (assignment.pipeline.name, assignment.run.revision)
        if let rows = result.rowCount, rows > 0 {
            if let data = assignment.spec.data { history.scored(data, rows: rows, in: pipeline) }
            if pipelines.revision(of: pipeline) == revision { columns.firstIsScored(of: pipeline, revision: revision) }
        }
        decisions.close(assignment.opened, .done(verdict: nil), timings: result.timings, rowCount: result.rowCount)
    }

    // MARK: Outputs that the machine does not let be finished

    private func finishLater(
        _ assignment: Assignment, _ result: AttemptResult, _ output: StagedOutput, _ failure: Failure, at now: UTCTime
    ) {
        let due = machine.wait(for: assignment.opened, failure, at: now)
        unfinished.add(.init(assignment: assignment, result: result, output: output, due: due))
    }

    /// Tries again to finish outputs.
    func finishAgain(at now: UTCTime) throws(LedgerError) {
        let due = unfinished.takeDue(at: now)
        guard !due.isEmpty else { return }
        var decisions = RunDecisions()
        for waiting in due {
            let assignment = waiting.assignment
            decisions.note(waiting.result.machine, of: assignment.run.number)
            do throws(FileSystemError) {
                guard try publisher.recover([waiting.output]).allSatisfy(\.self) else { throw .missing(waiting.output.target) }
                landed(assignment, waiting.result, &decisions)
            } catch {
                let failure = Failure(publishing: error, place: assignment.arrival.path)
                if failure.kind == .machine {
                    finishLater(assignment, waiting.result, waiting.output, failure, at: now)
                } else {
                    fail(assignment.opened, failure, &decisions, at: now)
                }
            }
        }
        try close(decisions, at: now)
    }
}
