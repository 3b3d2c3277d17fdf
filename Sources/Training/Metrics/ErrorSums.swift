/// Sums for the metrics of numeric answers; the variance uses Welford's method, with weights.
struct ErrorSums {
    private struct Column {
        var weight = 0.0
        var squares = 0.0
        var mean = 0.0
        /// The sum of the squared distances of the labels from their mean.
        var spread = 0.0
    }

    private var weight = 0.0
    private var squares = 0.0
    private var absolutes = 0.0
    private var columns: [Column] = []

    mutating func add(_ answer: Double, _ label: Double, column: Int, of count: Int, weight: Double) {
        guard weight > 0 else { return }
        if columns.isEmpty { columns = Array(repeating: Column(), count: count) }
        let error = answer - label
        self.weight += weight
        squares += weight * error * error
        absolutes += weight * abs(error)
        columns[column].weight += weight
        columns[column].squares += weight * error * error
        let step = label - columns[column].mean
        columns[column].mean += step * weight / columns[column].weight
        columns[column].spread += weight * step * (label - columns[column].mean)
    }

    var meanSquare: Double { squares / weight }
    var meanAbsolute: Double { absolutes / weight }
    var isConstant: Bool { columns.allSatisfy { $0.spread == 0 } }

    /// The mean of r2 over the targets that vary; NaN where none does.
    var determination: Double {
        let values = columns.filter { $0.spread > 0 }.map { 1 - $0.squares / $0.spread }
        return values.isEmpty ? .nan : values.reduce(0, +) / Double(values.count)
    }
}
