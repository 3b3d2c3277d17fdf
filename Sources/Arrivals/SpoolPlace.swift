internal import Names

/// Names the place of a file: its spool and its path there. Two places are the same if the bytes of their paths are.
package struct SpoolPlace: Sendable {
    package var spool: SpoolID
    /// The path relative to the spool's folder.
    package var path: String

    package init(_ spool: SpoolID, _ path: String) {
        self.spool = spool
        self.path = path
    }

    package init(pipeline: String, role: ArrivalRole, path: String) { self.init(SpoolID(pipeline, role), path) }

    package var pipeline: String { spool.pipeline }
    package var role: ArrivalRole { spool.role }
}

extension SpoolPlace: Hashable {
    package static func == (one: SpoolPlace, other: SpoolPlace) -> Bool { one.spool == other.spool && one.path.isName(other.path) }

    package func hash(into hasher: inout Hasher) {
        hasher.combine(spool)
        hasher.combine(Name(path))
    }
}
