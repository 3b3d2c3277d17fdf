/// Identifies one spool: the folder of a pipeline for files of one role. In logs it is `PIPELINE/ROLE`.
package struct SpoolID: Hashable, Sendable {
    package let pipeline: String
    package let role: ArrivalRole

    package init(_ pipeline: String, _ role: ArrivalRole) {
        self.pipeline = pipeline
        self.role = role
    }
}

extension SpoolID: CustomStringConvertible {
    package var description: String { "\(pipeline)/\(role.rawValue)" }
}
