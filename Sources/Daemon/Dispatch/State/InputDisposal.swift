import Arrivals
import FileSystem
import Landing
import Ledger
import Logging
import PipelineConfig

/// Puts decided inputs away: archives, deletes or quarantines them. What the machine does not allow is tried again.
final class InputDisposal {
    /// Describes an input that is decided and still in its spool, or without its reason.
    private struct Item {
        let file: ArrivedFile
        let pipeline: Pipeline
        /// The reason for quarantine; nil for an input that is done.
        let report: QuarantineReport?
        /// The time of the next try; nil where there was none yet.
        var postponement: Postponement?
    }

    private let publisher: any Publisher
    private let log: Logger
    private var postponed: [Item] = []
    /// The largest number of inputs that are remembered; the scans of the spools find the others.
    private static let postponedAtMost = 4096

    init(publisher: any Publisher, log: Logger) {
        self.publisher = publisher
        self.log = log
    }

    /// Archives or deletes an input that is done, as `after` says.
    func dispose(_ file: ArrivedFile, _ pipeline: Pipeline, at now: UTCTime) {
        guard pipeline.after != .keep else { return }
        begin(Item(file: file, pipeline: pipeline, report: nil), at: now)
    }

    /// Writes into quarantine why an input is refused, and moves the input there where `after` is not keep.
    func quarantine(_ file: ArrivedFile, _ report: QuarantineReport, _ pipeline: Pipeline, at now: UTCTime) {
        begin(Item(file: file, pipeline: pipeline, report: report), at: now)
    }

    /// Returns whether the input is to be put away once the machine allows it.
    func isPostponed(_ file: ArrivedFile) -> Bool { postponed.contains { $0.file.isSame(as: file) } }

    /// Tries again what the machine did not allow before.
    func tryAgain(at now: UTCTime) {
        func isDue(_ item: Item) -> Bool { item.postponement.map { $0.due <= now } ?? true }
        guard postponed.contains(where: isDue) else { return }
        postponed = postponed.compactMap { isDue($0) ? attempt($0, at: now) : $0 }
    }

    private func begin(_ item: Item, at now: UTCTime) {
        guard let left = attempt(item, at: now), postponed.count < Self.postponedAtMost else { return }
        postponed.append(left)
    }

    /// Tries to put an input away. Returns what is to be tried again; nil where it is done.
    private func attempt(_ item: Item, at now: UTCTime) -> Item? {
        do throws(FileSystemError) {
            if let report = item.report {
                try publisher.quarantine(.read(item.file), report, pipeline: item.pipeline)
            } else {
                FaultPoint.reach(.disposeBegin)
                try publisher.dispose(of: item.file, pipeline: item.pipeline)
            }
            return nil
        } catch {
            if item.postponement == nil {
                log.warning(
                    item.report == nil ? "the input stays where it is for now" : "the reason cannot be written for now",
                    metadata: ["file.path": "\(item.file.path)", "reason": "\(error)"])
            }
            var left = item
            left.postponement = Postponement(at: now, after: item.postponement)
            return left
        }
    }
}
