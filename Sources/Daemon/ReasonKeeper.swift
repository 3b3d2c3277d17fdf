import Arrivals
import FileSystem
import Landing
import Ledger
import PipelineConfig
import Synchronization
import SystemPackage
import Watcher

/// Keeps the reasons in quarantine for as long as their files stand. Those of files that are done since, or forgotten, go with that; those
/// of files that were removed go here. A file that only was away, as with its whole spool, has its reason again when it is back: it is
/// known, so that nobody judges it a second time.
final class ReasonKeeper: Sendable {
    private let ledger: RunLedger
    private let publisher: DiskPublisher
    /// Those whose reason this process has taken away.
    private let away = Mutex<Set<SpoolPlace>>([])

    init(_ ledger: RunLedger, _ publisher: DiskPublisher) {
        self.ledger = ledger
        self.publisher = publisher
    }

    /// At the start: what was removed, and what is back, since an earlier daemon looked.
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

    /// What the watch has seen go.
    func hear(_ events: [SpoolEvent], _ pipelines: [Pipeline]) {
        for case .gone(let place) in events {
            guard let pipeline = pipelines.first(where: { $0.name == place.pipeline }),
                (try? ledger.isQuarantined(place.path, pipeline: pipeline.name, role: place.role)) == true, size(place, pipeline) == -1
            else { continue }
            clear(place, pipeline)
        }
    }

    /// What stands, with the content that the ledger knows.
    func stands(_ place: SpoolPlace, _ pipelines: [Pipeline]) {
        guard away.withLock({ $0.remove(place) }) != nil,
            let pipeline = pipelines.first(where: { $0.name == place.pipeline }),
            let arrival = try? ledger.quarantined(place.path, pipeline: place.pipeline, role: place.role)
        else { return }
        try? restore(arrival, pipeline)
    }

    /// -1 where the file is gone; nil where that cannot be told now.
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
