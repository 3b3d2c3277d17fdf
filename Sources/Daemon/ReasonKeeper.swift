import Arrivals
import FileSystem
import Landing
import Ledger
import PipelineConfig
import Synchronization
import SystemPackage
import Watcher

/// Keeps the reasons in quarantine for as long as their files are in the spool. A file that is done or forgotten loses its reason with
/// that; this removes the reasons of files that were removed. A file that was only away, as with its whole spool, gets its reason again
/// when it is back: it is known, so that nobody judges it a second time.
final class ReasonKeeper: Sendable {
    private let ledger: RunLedger
    private let publisher: DiskPublisher
    /// The places of files whose reason this process has removed.
    private let away = Mutex<Set<SpoolPlace>>([])

    init(_ ledger: RunLedger, _ publisher: DiskPublisher) {
        self.ledger = ledger
        self.publisher = publisher
    }

    /// Takes up at the start what was removed, and what came back, since an earlier daemon looked.
    func settle(_ pipelines: [Pipeline]) throws(LedgerError) {
        var after: Int64 = 0
        while true {
            let page = try ledger.arrivals(after: after, state: .quarantined)
            guard let last = page.last else { return }
            after = last.number
            for arrival in page {
                let place = SpoolPlace(pipeline: arrival.pipeline, role: arrival.role, path: arrival.path)
                guard let pipeline = pipelines.first(where: { $0.name == place.pipeline }), let found = size(place, pipeline) else {
                    continue
                }
                if found == arrival.byteCount { try restore(arrival, pipeline) }
                if found < 0 { clear(place, pipeline) }
            }
        }
    }

    /// Removes the reasons of files that the watch has seen go.
    func hear(_ events: [SpoolEvent], _ pipelines: [Pipeline]) {
        for case .gone(let place) in events {
            guard let pipeline = pipelines.first(where: { $0.name == place.pipeline }),
                (try? ledger.isQuarantined(place.path, pipeline: pipeline.name, role: place.role)) == true, size(place, pipeline) == -1
            else { continue }
            clear(place, pipeline)
        }
    }

    /// Restores the reason of a file that is there again with the content that the ledger knows.
    func stands(_ place: SpoolPlace, _ pipelines: [Pipeline]) {
        guard away.withLock({ $0.remove(place) }) != nil,
            let pipeline = pipelines.first(where: { $0.name == place.pipeline }),
            let arrival = try? ledger.quarantined(place.path, pipeline: place.pipeline, role: place.role)
        else { return }
        try? restore(arrival, pipeline)
    }

    /// Returns the size of the file: -1 where it is gone, and nil where that cannot be told now.
    private func size(_ place: SpoolPlace, _ pipeline: Pipeline) -> Int64? {
        do throws(FileSystemError) {
            return try FileDigest.stamp(FilePath(pipeline.spoolPath(of: place.role)).pushing(FilePath(place.path)))?.size ?? -1
        } catch {
            return nil
        }
    }

    private func clear(_ place: SpoolPlace, _ pipeline: Pipeline) {
        away.withLock { _ = $0.insert(place) }
        try? publisher.clearReason(role: place.role, path: place.path, pipeline: pipeline)
    }

    private func restore(_ arrival: Arrival, _ pipeline: Pipeline) throws(LedgerError) {
        guard pipeline.after == .keep, let explanation = arrival.explanation, !publisher.hasReason(arrival.path, pipeline) else { return }
        let place = SpoolPlace(pipeline: pipeline.name, role: arrival.role, path: arrival.path)
        let report = QuarantineReport(
            explanation: explanation, arrival: arrival.number, run: arrival.run,
            attempts: try arrival.run.map { (run) throws(LedgerError) in try ledger.attempts(ofRun: run) } ?? [])
        // Where the disk does not take it, the next start tries again.
        try? publisher.quarantine(.unread(place, digest: arrival.digest), report, pipeline: pipeline)
    }
}
