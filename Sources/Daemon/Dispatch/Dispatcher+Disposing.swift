import Landing
package import Ledger
import Logging
import PipelineConfig

/// An input that is done and still in its spool, since the machine did not let it be archived or deleted.
struct Undisposed {
    let input: SpoolInput
    let pipeline: Pipeline
    var pauses = GrowingPauses()
    var due: UTCTime
}

extension Dispatcher {
    /// As many are remembered; the scans of the spools find the others.
    private static let undisposedAtMost = 4096

    /// Does with an input that is done what `after` says.
    func dispose(_ input: SpoolInput, _ pipeline: Pipeline, at now: UTCTime) {
        guard pipeline.after != .keep else { return }
        do throws(LandingError) {
            try publisher.dispose(of: input, pipeline: pipeline)
        } catch {
            log.warning("the input stays where it is for now", metadata: ["file.path": "\(input.path)", "reason": "\(error)"])
            guard undisposed.count < Self.undisposedAtMost else { return }
            var again = Undisposed(input: input, pipeline: pipeline, due: now)
            again.due = now.advanced(by: again.pauses.next())
            undisposed.append(again)
        }
    }

    /// Tries again what the machine did not allow before.
    package func disposeAgain(at now: UTCTime) {
        guard undisposed.contains(where: { $0.due <= now }) else { return }
        var left: [Undisposed] = []
        for var waiting in undisposed {
            if waiting.due <= now {
                do throws(LandingError) {
                    try publisher.dispose(of: waiting.input, pipeline: waiting.pipeline)
                    continue
                } catch {
                    waiting.due = now.advanced(by: waiting.pauses.next())
                }
            }
            left.append(waiting)
        }
        undisposed = left
    }

    /// A scan has found a file that the ledger knows. Where it is done, an earlier daemon was killed before it could archive or delete it.
    package func stands(_ path: String, _ stamp: RecordedStamp, role: ArrivalRole, in name: String, at now: UTCTime) throws(LedgerError) {
        guard let pipeline = pipelines[name], pipeline.after != .keep,
            let done = try ledger.doneInput(name, role, path, stamp)
        else { return }
        let input = SpoolInput(
            spool: pipeline.spoolPath(of: role), path: path, digest: done.digest, stamp: stamp, companions: done.companions)
        guard !undisposed.contains(where: { $0.input == input }) else { return }
        dispose(input, pipeline, at: now)
    }
}
