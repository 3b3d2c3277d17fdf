/// The condition that a candidate must meet before it may become a version, compared with the model that it is to follow on the same
/// held-out rows.
package struct Gate: Sendable, Hashable, Codable {
    /// The best epoch is the best in it, too.
    package let metric: Metric
    /// Absolute, in the metric's worse direction, so never below 0; at 0 only what is better passes.
    package let dropAtMost: Double
    /// Nothing is trained until this many rows are held out to measure on. It has no effect where `validation` is 0.
    package let rowsAtLeast: Int

    package static let defaultRows = 30

    package init(metric: Metric = .loss, dropAtMost: Double = 0, rowsAtLeast: Int = Gate.defaultRows) {
        self.metric = metric
        self.dropAtMost = dropAtMost
        self.rowsAtLeast = rowsAtLeast
    }
}

/// The measurements of a gate, for the card of the version.
package struct GateOutcome: Hashable, Sendable, Codable {
    package let metric: String
    package let before: Double?
    package let after: Double?
    package let dropAtMost: Double?
    package let rows: Int?

    package init(metric: String, before: Double?, after: Double?, dropAtMost: Double? = nil, rows: Int? = nil) {
        self.metric = metric
        self.before = before
        self.after = after
        self.dropAtMost = dropAtMost
        self.rows = rows
    }

    package enum CodingKeys: String, CodingKey {
        case metric, before, after, rows
        case dropAtMost = "drop_at_most"
    }
}
