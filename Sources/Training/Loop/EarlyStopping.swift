import Recipes

/// Knows which epoch is the best so far, and decides whether to go on.
struct EarlyStopping: Equatable {
    let metric: Metric
    let patience: Int?
    let minimumImprovement: Double
    private(set) var bestValue: Double?
    private(set) var epochsSinceBest: Int

    init(_ setting: GradientDescent.EarlyStopping?, metric: Metric, bestValue: Double? = nil, epochsSinceBest: Int = 0) {
        self.metric = metric
        patience = setting?.patience
        minimumImprovement = setting?.minimumImprovement ?? 0
        self.bestValue = bestValue
        self.epochsSinceBest = epochsSinceBest
    }

    /// Records the metric of an epoch, and returns whether it is the best so far. An epoch that is only as good, or better by no more than
    /// the smallest improvement that counts, is not.
    mutating func note(_ value: Double) -> Bool {
        let isBest =
            value.isFinite && (bestValue.map { metric.improvement(of: value, over: $0) > minimumImprovement || !$0.isFinite } ?? true)
        if isBest {
            bestValue = value
            epochsSinceBest = 0
        } else {
            epochsSinceBest += 1
        }
        return isBest
    }

    var isExhausted: Bool { patience.map { epochsSinceBest >= $0 } ?? false }
}
