package import Arrivals
import Attempts
import FileSystem
import Landing
package import Ledger
import PipelineConfig
import Reasons

/// An output that has its final name, while the machine does not let its folder be synced or its manifest be written.
struct UnfinishedOutput {
    let assignment: Dispatcher.Assignment
    let result: AttemptResult
    let output: StagedOutput
    var due: UTCTime
}

/// From its final name on an output is finished and never made again: whoever reads the folder may have it, and new content of the input,
/// which may be bad, would leave it in no manifest. Its run stays open as one in progress, which the next daemon recovers.
extension Dispatcher {
    func finishLater(_ assignment: Assignment, _ result: AttemptResult, _ output: StagedOutput, _ failure: Failure, at now: UTCTime) {
        unfinished[assignment.run.run] = UnfinishedOutput(
            assignment: assignment, result: result, output: output, due: awaitMachine(assignment.opened, failure, at: now))
    }

    /// Tries again to finish outputs.
    package func finishAgain(at now: UTCTime) throws(LedgerError) {
        let due = unfinished.filter { $0.value.due <= now }.sorted { $0.key < $1.key }
        guard !due.isEmpty else { return }
        var ends = Ends()
        for (run, waiting) in due {
            unfinished[run] = nil
            let assignment = waiting.assignment
            do throws(FileSystemError) {
                guard try publisher.recover([waiting.output]).allSatisfy(\.self) else { throw .missing(waiting.output.target) }
                landed(assignment, waiting.result, &ends)
            } catch {
                let failure = Failure(publishing: error, place: assignment.arrival.path)
                if failure.kind == .machine {
                    finishLater(assignment, waiting.result, waiting.output, failure, at: now)
                } else {
                    fail(assignment.opened, failure, &ends, at: now)
                }
            }
        }
        try close(ends, at: now)
    }

    /// Returns whether an earlier daemon's output is to be finished once the machine allows it. One whose folder the pipeline has left is
    /// made again in the new one instead.
    func waitsForMachine(_ open: OpenRun, _ pipeline: Pipeline, _ error: FileSystemError) -> Bool {
        guard let landing = pipeline.land.outputs, open.intended.contains(where: { $0.root == landing.path }) else { return false }
        return Failure(publishing: error, place: open.arrival.path).kind == .machine
    }

    /// Tries again what an earlier daemon left and could not be finished.
    package func recoverAgain(at now: UTCTime) throws(LedgerError) {
        if let unrecovered, unrecovered.due <= now { try recover(at: now) }
    }
}
