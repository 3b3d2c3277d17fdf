/// States the condition that a candidate must meet before it may become a version. It is compared with the model that it would replace, on
/// the same held-out rows.
package struct Gate: Sendable, Hashable, Codable {
    /// The metric that is compared. It also decides which epoch is the best.
    package let metric: Metric
    /// The largest absolute change in the metric's worse direction, so never below 0; with 0 only a better candidate passes.
    package let dropAtMost: Double
    /// The number of held-out rows below which nothing is trained. It has no effect where `validation` is 0.
    package let rowsAtLeast: Int

    package static let defaultRows = 30

    package init(metric: Metric = .loss, dropAtMost: Double = 0, rowsAtLeast: Int = Gate.defaultRows) {
        self.metric = metric
        self.dropAtMost = dropAtMost
        self.rowsAtLeast = rowsAtLeast
    }
}

/// Holds the measurements of a gate, for the card of the version.
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
