package import Arrivals
import FileSystem
import Landing
package import Ledger
import Logging
import PipelineConfig

/// An input that is decided and still in its spool, or without its reason, since the machine did not let it be moved or written.
struct Undisposed {
    let input: SpoolInput
    let pipeline: Pipeline
    /// Of one that goes to quarantine.
    let report: QuarantineReport?
    var pauses = GrowingPauses()
    var due: UTCTime
}

extension Dispatcher {
    /// As many are remembered; the scans of the spools find the others.
    private static let undisposedAtMost = 4096

    /// Does with an input that is done what `after` says.
    func dispose(_ input: SpoolInput, _ pipeline: Pipeline, at now: UTCTime) {
        guard pipeline.after != .keep else { return }
        dispose(Undisposed(input: input, pipeline: pipeline, report: nil, due: now), at: now)
    }

    /// Writes why an input is refused, and moves it there where `after` is not keep.
    func quarantine(_ input: SpoolInput, _ report: QuarantineReport, _ pipeline: Pipeline, at now: UTCTime) {
        dispose(Undisposed(input: input, pipeline: pipeline, report: report, due: now), at: now)
    }

    private func dispose(_ undisposed: Undisposed, at now: UTCTime) {
        guard let left = attempt(undisposed, at: now), self.undisposed.count < Self.undisposedAtMost else { return }
        self.undisposed.append(left)
    }

    /// Returns what is to be tried again; nil where it is done.
    private func attempt(_ undisposed: Undisposed, at now: UTCTime) -> Undisposed? {
        do throws(FileSystemError) {
            if let report = undisposed.report {
                try publisher.quarantine(undisposed.input, report, pipeline: undisposed.pipeline)
            } else {
                try publisher.dispose(of: undisposed.input, pipeline: undisposed.pipeline)
            }
            return nil
        } catch {
            if undisposed.pauses.count == 0 {
                log.warning(
                    undisposed.report == nil ? "the input stays where it is for now" : "the reason cannot be written for now",
                    metadata: ["file.path": "\(undisposed.input.path)", "reason": "\(error)"])
            }
            var left = undisposed
            left.due = now.advanced(by: left.pauses.next())
            return left
        }
    }

    /// Tries again what the machine did not allow before.
    package func disposeAgain(at now: UTCTime) {
        guard undisposed.contains(where: { $0.due <= now }) else { return }
        undisposed = undisposed.compactMap { $0.due <= now ? attempt($0, at: now) : $0 }
    }

    /// A scan has found a file that the ledger knows. Where it is done, an earlier daemon was killed before it could archive or delete it.
    package func stands(_ path: String, _ stamp: FileStamp, role: ArrivalRole, in name: String, at now: UTCTime) throws(LedgerError) {
        guard let pipeline = pipelines[name], pipeline.after != .keep,
            let done = try ledger.doneInput(name, role, path, stamp)
        else { return }
        let input = SpoolInput(
            spool: pipeline.spoolPath(of: role), path: path, digest: done.digest, stamp: stamp, companions: done.companions)
        guard !undisposed.contains(where: { $0.input == input }) else { return }
        dispose(input, pipeline, at: now)
    }
}
