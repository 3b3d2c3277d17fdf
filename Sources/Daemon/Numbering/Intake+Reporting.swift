import Arrivals
import Ledger
import Logging
import Names
import PipelineConfig
import Watcher

/// Reports what the watcher tells of spools, and not of files: it goes into the log once, and into `status` for as long as it is so.
extension Intake {
    private struct Unmatched: Encodable {
        let count: Int
        let names: [String]
    }

    func report(_ event: SpoolEvent) {
        switch event {
        case .foreign(let file):
            log.warning(
                "not what its name says",
                metadata: ["spool": "\(file.place.spool)", "file.path": "\(file.place.path)", "reason": "\(file.reason)"])
        case .overflowed:
            log.warning("events were dropped by the kernel; every spool is scanned again")
        case .unhealthy(let spool, let reason):
            log.error("spool cannot be watched", metadata: ["spool": "\(spool)", "reason": "\(reason)"])
            if let key = key(.unwatched, spool) { conditions.set(key, reason) }
        case .healthy(let spool):
            log.notice("spool is watched", metadata: ["spool": "\(spool)"])
            if let key = key(.unwatched, spool) { conditions.clear(key) }
        case .blocked(let place, let reason):
            log.error(
                "a folder cannot be looked into",
                metadata: ["spool": "\(place.spool)", "file.path": "\(place.path)", "reason": "\(reason)"])
            if let key = key(.unwatched, place.spool, place.path) { conditions.set(key, reason) }
        case .unblocked(let place):
            log.notice("the folder can be looked into again", metadata: ["spool": "\(place.spool)", "file.path": "\(place.path)"])
            if let key = key(.unwatched, place.spool, place.path) { conditions.clear(key) }
        case .unmatched(let spool, let count, let first): logUnmatched(spool, count, first)
        case .complete, .truncated, .refused, .gone, .ignored, .rescanned, .caughtUp: break
        }
    }

    /// Returns the key of a condition of a spool, or of a folder in it; nil for a spool that is not known.
    private func key(_ kind: Condition.Kind, _ spool: SpoolID, _ path: String = "") -> Condition.Key? {
        routes[spool].map {
            .init(kind, pipeline: $0.pipeline.name, subject: path.isEmpty ? $0.role.rawValue : "\($0.role.rawValue)/\(path)")
        }
    }

    private func logUnmatched(_ spool: SpoolID, _ count: Int, _ first: [String]) {
        guard let route = routes[spool], let key = key(.ignored, spool) else { return }
        guard count > 0 else { return conditions.clear(key) }
        let shown = first.prefix(5).joined(separator: ", ") + (count > 5 ? ", …" : "")
        conditions.set(key, "\(count) (\(shown)) in the \(route.role.rawValue) spool", facts: Unmatched(count: count, names: first))
        let new = first.filter { saidUnmatched[spool]?.contains($0) != true }
        guard !new.isEmpty else { return }
        saidUnmatched[spool, default: []].formUnion(new)
        log.warning(
            "files that nothing takes",
            metadata: [
                "spool": "\(spool)", "files": .list(new),
                "reason": "no pattern of the spool's include list takes them: rename them, or change spool.include",
            ])
    }
}
