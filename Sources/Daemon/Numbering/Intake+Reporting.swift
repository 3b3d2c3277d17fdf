import Arrivals
import Ledger
import Logging
import Names
import PipelineConfig
import Watcher

/// What the watcher tells of spools, and not of files: it goes into the log once, and into `status` for as long as it is so.
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
                metadata: ["spool": "\(file.directory)", "file.path": "\(file.relativePath)", "reason": "\(file.reason)"])
        case .overflowed:
            log.warning("events were dropped by the kernel; every spool is scanned again")
        case .unhealthy(let directory, let reason):
            log.error("spool cannot be watched", metadata: ["spool": "\(directory)", "reason": "\(reason)"])
            if let key = key(.unwatched, directory) { conditions.set(key, reason) }
        case .healthy(let directory):
            log.notice("spool is watched", metadata: ["spool": "\(directory)"])
            if let key = key(.unwatched, directory) { conditions.clear(key) }
        case .blocked(let directory, let path, let reason):
            log.error("a folder cannot be looked into", metadata: ["spool": "\(directory)", "file.path": "\(path)", "reason": "\(reason)"])
            if let key = key(.unwatched, directory, path) { conditions.set(key, reason) }
        case .unblocked(let directory, let path):
            log.notice("the folder can be looked into again", metadata: ["spool": "\(directory)", "file.path": "\(path)"])
            if let key = key(.unwatched, directory, path) { conditions.clear(key) }
        case .unmatched(let directory, let count, let first): logUnmatched(directory, count, first)
        case .complete, .truncated, .refused, .gone, .ignored, .rescanned, .caughtUp: break
        }
    }

    /// The key of a condition of a spool, or of a folder in it.
    private func key(_ kind: Condition.Kind, _ directory: String, _ path: String = "") -> Condition.Key? {
        routes[directory].map {
            .init(kind, pipeline: $0.pipeline.name, subject: path.isEmpty ? $0.role.rawValue : "\($0.role.rawValue)/\(path)")
        }
    }

    private func logUnmatched(_ directory: String, _ count: Int, _ first: [String]) {
        guard let route = routes[directory], let key = key(.ignored, directory) else { return }
        guard count > 0 else { return conditions.clear(key) }
        let shown = first.prefix(5).joined(separator: ", ") + (count > 5 ? ", …" : "")
        conditions.set(key, "\(count) (\(shown)) in the \(route.role.rawValue) spool", facts: Unmatched(count: count, names: first))
        let new = first.filter { saidUnmatched[directory]?.contains($0) != true }
        guard !new.isEmpty else { return }
        saidUnmatched[directory, default: []].formUnion(new)
        log.warning(
            "files that nothing takes",
            metadata: [
                "spool": "\(directory)", "files": .list(new),
                "reason": "no pattern of the spool's include list takes them: rename them, or change spool.include",
            ])
    }
}
