import Arrivals
import Ledger

/// A spool of a pipeline, under the name that the watcher has for it: `PIPELINE/ROLE`.
struct SpoolID: Hashable {
    let pipeline: String
    let role: ArrivalRole

    init(_ pipeline: String, _ role: ArrivalRole) {
        self.pipeline = pipeline
        self.role = role
    }

    /// Nil where that is no name of a spool.
    init?(_ name: String) {
        let parts = name.split(separator: "/")
        guard parts.count == 2, let role = ArrivalRole(rawValue: String(parts[1])) else { return nil }
        self.init(String(parts[0]), role)
    }

    var name: String { "\(pipeline)/\(role.rawValue)" }
}
