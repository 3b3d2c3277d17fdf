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
    private struct Place: Hashable {
        let pipeline: String
        let role: ArrivalRole
        let path: String
    }

    private let ledger: RunLedger
    private let publisher: DiskPublisher
    /// Those whose reason this process has taken away.
    private let away = Mutex<Set<Place>>([])

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
                guard let pipeline = pipelines.first(where: { $0.name == arrival.pipeline }),
                    let found = size(arrival.path, arrival.role, pipeline)
                else { continue }
                if found == arrival.byteCount { try restore(arrival, pipeline) }
                if found < 0 { clear(arrival.path, arrival.role, pipeline) }
            }
        }
    }

    /// What the watch has seen go.
    func hear(_ events: [SpoolEvent], _ pipelines: [Pipeline]) {
        for case .gone(let directory, let path) in events {
            guard let spool = SpoolID(directory), let pipeline = pipelines.first(where: { $0.name == spool.pipeline }),
                (try? ledger.isQuarantined(path, pipeline: pipeline.name, role: spool.role)) == true, size(path, spool.role, pipeline) == -1
            else { continue }
            clear(path, spool.role, pipeline)
        }
    }

    /// What stands, with the content that the ledger knows.
    func stands(_ path: String, _ role: ArrivalRole, in name: String, _ pipelines: [Pipeline]) {
        guard away.withLock({ $0.remove(Place(pipeline: name, role: role, path: path)) }) != nil,
            let pipeline = pipelines.first(where: { $0.name == name }),
            let arrival = try? ledger.quarantined(path, pipeline: name, role: role)
        else { return }
        try? restore(arrival, pipeline)
    }

    /// -1 where the file is gone; nil where that cannot be told now.
    private func size(_ path: String, _ role: ArrivalRole, _ pipeline: Pipeline) -> Int64? {
        do throws(FileSystemError) {
            return try FileDigest.stamp(FilePath(pipeline.spoolPath(of: role)).pushing(FilePath(path)))?.size ?? -1
        } catch {
            return nil
        }
    }

    private func clear(_ path: String, _ role: ArrivalRole, _ pipeline: Pipeline) {
        away.withLock { _ = $0.insert(Place(pipeline: pipeline.name, role: role, path: path)) }
        try? publisher.clearReason(role: role, path: path, pipeline: pipeline)
    }

    private func restore(_ arrival: Arrival, _ pipeline: Pipeline) throws(LedgerError) {
        guard pipeline.after == .keep, let explanation = arrival.explanation, !publisher.hasReason(arrival.path, pipeline) else { return }
        let input = SpoolInput(
            spool: pipeline.spoolPath(of: arrival.role), path: arrival.path, digest: arrival.digest,
            stamp: FileStamp(device: 0, inode: 0, size: arrival.byteCount, changed: 0), companions: [])
        let report = QuarantineReport(
            explanation: explanation, arrival: arrival.number, run: arrival.run,
            attempts: try arrival.run.map { (run) throws(LedgerError) in try ledger.attempts(ofRun: run) } ?? [])
        // Where the disk does not take it, the next start tries again.
        try? publisher.quarantine(input, report, pipeline: pipeline)
    }
}
