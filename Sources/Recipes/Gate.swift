/// What a candidate is measured by before it may become a version, against the model that it is to follow, on the same held-out rows.
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
