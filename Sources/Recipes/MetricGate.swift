/// States how much worse than the model as it was published another way of executing it may be on labelled rows, by one metric.
package struct MetricGate: Codable, Sendable, Hashable {
    package var metric: Metric
    /// The largest absolute change in the metric's worse direction; with 0 nothing may be lost.
    package var dropAtMost: Double
    /// The number of labelled rows below which the metric says too little.
    package var rowsAtLeast: Int
    /// The least cosine of each output, where one is demanded besides.
    package var cosine: Double?
    /// The least share of rows whose greatest score stays in its column, where one is demanded besides.
    package var sameTop: Double?

    package init(
        _ metric: Metric, dropAtMost: Double = 0, rowsAtLeast: Int = Gate.defaultRows, cosine: Double? = nil, sameTop: Double? = nil
    ) {
        self.metric = metric
        self.dropAtMost = dropAtMost
        self.rowsAtLeast = rowsAtLeast
        self.cosine = cosine
        self.sameTop = sameTop
    }

    /// What is left of a difference that is none: 0.95 less 0.945 is a little more than 0.005 in binary numbers.
    private static let rounding = 1e-9

    /// Returns whether `candidate` is worse than `original` by no more than it may be. A value that is no number never passes.
    package func passes(_ candidate: Double, against original: Double) -> Bool {
        candidate.isFinite && metric.improvement(of: candidate, over: original) >= -dropAtMost - Self.rounding
    }

    /// What the outputs must meet besides: what was demanded, and otherwise only that no value is lost.
    package var besides: AgreementGate { AgreementGate(cosine: cosine ?? -.infinity, sameTop: sameTop ?? 0) }
}
