package import Recipes
package import Tensors

/// Says what kind of answers a model gives.
package enum Prediction: Sendable, Hashable, Codable {
    package enum Scores: String, Sendable, Hashable, Codable { case logits, probabilities }
    /// The answer is one of `count` classes along `axis` (the first axis is the rows'). Labels are indices, or probabilities of the
    /// output's shape.
    case classes(count: Int, axis: Int, Scores)
    /// Each element is a yes or no of its own; a label from 0.5 on is a yes. If there are several axes, the last one is that of the labels.
    case yesOrNo(Scores)
    /// The answers are numbers; where `isLogarithm`, they are logarithms of numbers.
    case values(isLogarithm: Bool)
    /// Only the loss can read the answers.
    case opaque

    /// The metrics that such answers have.
    package var metrics: [Metric] {
        switch self {
        case .classes, .yesOrNo: [.accuracy, .f1, .auc, .logLoss, .loss]
        case .values: [.rmse, .mae, .r2, .loss]
        case .opaque: [.loss]
        }
    }
}

/// Computes metrics of answers that come batch by batch; each row counts with its weight.
package struct MetricsAccumulator {
    private let prediction: Prediction
    private let wanted: Set<Metric>
    private var classes = ClassCounts()
    private var errors = ErrorSums()
    private var loss = (sum: 0.0, weight: 0.0)

    package init(_ metrics: [Metric], of prediction: Prediction) {
        self.prediction = prediction
        wanted = Set(metrics)
    }

    /// - Parameters:
    ///   - answers: the answers in floating point, with the rows on the first axis.
    ///   - labels: int64 class indices or floating point values, as `Target` defines them.
    ///   - weights: the weights, one for each row.
    package mutating func add(answers: Tensor, labels: Tensor, weights: [Float]) {
        guard wanted != [.loss], let rows = answers.shape.dimensions.first, rows > 0 else { return }
        let scores = answers.floats
        switch prediction {
        case .classes(let count, let axis, let form):
            let inner = answers.shape.dimensions.dropFirst(axis + 1).reduce(1, *)
            addClasses(scores, labels, weights, count: count, inner: inner, form)
        case .yesOrNo(let form):
            let values = labels.floats
            let columns = answers.shape.rank > 1 ? max(answers.shape.dimensions.last ?? 1, 1) : 1
            for index in scores.indices {
                classes.add(
                    score: scores[index], isYes: values[index] >= 0.5, label: Double(values[index]), column: index % columns, of: columns,
                    weight: Double(weights[index * rows / scores.count]), form: form, ranks: wanted.contains(.auc))
            }
        case .values(let isLogarithm):
            let width = max(scores.count / rows, 1)
            for index in scores.indices {
                let score = isLogarithm ? exponential(Double(scores[index])) : Double(scores[index])
                errors.add(score, labels.number(index), column: index % width, of: width, weight: Double(weights[index / width]))
            }
        case .opaque: break
        }
    }

    /// Adds the weighted mean loss of a batch, with the batch's weight.
    package mutating func add(loss: Double, weight: Double) {
        // A batch without weight has no mean.
        guard weight > 0 else { return }
        self.loss.sum += loss * weight
        self.loss.weight += weight
    }

    /// Returns the value of a metric; NaN where the rows do not define it: see `undefined`.
    package func value(_ metric: Metric) -> Double {
        switch metric {
        case .loss: loss.sum / loss.weight
        case .accuracy: classes.right / classes.total
        case .f1: classes.macroF1
        case .auc: classes.area ?? .nan
        case .logLoss: classes.logLoss / classes.total
        case .rmse: errors.meanSquare.squareRoot()
        case .mae: errors.meanAbsolute
        case .r2: errors.determination
        }
    }

    /// Returns the reason why a metric says nothing about a model on these rows; `nil` where it says something.
    package func undefined(_ metric: Metric) -> String? {
        switch metric {
        case .auc, .f1:
            classes.distinctLabels < 2 ? "the held-out rows are all of one class, and \(metric.rawValue) compares classes" : nil
        case .r2: errors.isConstant ? "the held-out labels are all the same, and r2 divides by their variance" : nil
        default: nil
        }
    }

    /// Tells whether all labels are one class, so that a model which always answers that class would be right.
    var isOfOneClass: Bool {
        switch prediction {
        case .classes, .yesOrNo: classes.distinctLabels == 1
        case .values, .opaque: false
        }
    }

    private mutating func addClasses(
        _ scores: [Float], _ labels: Tensor, _ weights: [Float], count: Int, inner: Int, _ form: Prediction.Scores
    ) {
        let positions = scores.count / count
        let perRow = positions / weights.count
        let indices = labels.elementType == .int64 ? labels.values(as: Int64.self) : nil
        let shares = indices == nil ? labels.floats : nil
        var logs = [Double](repeating: 0, count: count)
        var given = [Double](repeating: 0, count: count)
        for position in 0..<positions {
            let begin = position / inner * inner * count + position % inner
            func at(_ index: Int) -> Int { begin + index * inner }
            for index in 0..<count { logs[index] = Double(scores[at(index)]) }
            form == .logits ? Self.logSoftmax(&logs) : Self.logarithms(&logs)
            var label: Int?
            if let indices {
                // The row is left out, as the loss leaves it out.
                if indices[position] < 0 { continue }
                label = Int(indices[position])
            } else if let shares {
                for index in 0..<count { given[index] = Double(shares[at(index)]) }
            }
            classes.add(
                logs: logs, label: label, shares: given, weight: Double(weights[position / perRow]), ranks: wanted.contains(.auc))
        }
    }

    private static func logSoftmax(_ values: inout [Double]) {
        let greatest = values.max() ?? 0
        let sum = values.reduce(0) { $0 + exponential($1 - greatest) }
        for index in values.indices { values[index] -= greatest + logarithm(sum) }
    }

    private static func logarithms(_ values: inout [Double]) {
        for index in values.indices { values[index] = logarithm(max(values[index], 0)) }
    }
}
