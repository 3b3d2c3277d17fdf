import Landing
import Ledger
import Logging
import PipelineConfig
import SystemPackage
import Watcher

/// Reasons in quarantine go when their cause does. Those of files that are done since, or forgotten, go with that; those of files that were
/// removed go here.
extension PipelineDaemon {
    /// At the start: of files that were removed while no daemon ran.
    static func clearReasonsOfMissing(_ ledger: RunLedger, _ publisher: DiskPublisher, _ pipelines: [Pipeline]) throws(LedgerError) {
        var after: Int64 = 0
        while true {
            let page = try ledger.arrivals(after: after, state: .quarantined)
            guard let last = page.last else { return }
            after = last.number
            for arrival in page {
                guard let pipeline = pipelines.first(where: { $0.name == arrival.pipeline }) else { continue }
                clearReason(arrival.role, arrival.path, pipeline, publisher)
            }
        }
    }

    /// Of files that the watch has seen go.
    static func clearReasons(of events: [SpoolEvent], _ ledger: RunLedger, _ publisher: DiskPublisher, _ pipelines: [Pipeline]) {
        for case .gone(let directory, let path) in events {
            let parts = directory.split(separator: "/")
            guard parts.count == 2, let role = ArrivalRole(rawValue: String(parts[1])), let pipeline = pipelines.first(where: { $0.name == parts[0] }),
                (try? ledger.isQuarantined(path, pipeline: pipeline.name, role: role)) == true
            else { continue }
            clearReason(role, path, pipeline, publisher)
        }
    }

    private static func clearReason(_ role: ArrivalRole, _ path: String, _ pipeline: Pipeline, _ publisher: DiskPublisher) {
        let file = FilePath(pipeline.spoolPath(of: role)).pushing(FilePath(path))
        guard (try? FileDigest.stamp(file)) ?? nil == nil else { return }
        try? publisher.clearReason(role: role, path: path, pipeline: pipeline)
    }
}
