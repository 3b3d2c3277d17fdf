import Reasons
import Recipes
import Tensors
import TrainingGraph

/// Measures a model's metrics on held-out rows, batch by batch in the rows' own order.
struct Evaluator {
    let metrics: [Metric]
    let prediction: Prediction
    private let batchSize: Int
    private let isFixed: Bool

    init(_ run: FineTuning, scores: [StepGraph.Scores], batchSize: Int, isFixed: Bool) throws(TrainingError) {
        prediction = try Prediction(scores, loss: run.recipe.loss)
        var metrics = [run.gate.metric, .loss]
        for metric in run.alsoMeasured + prediction.usual where !metrics.contains(metric) { metrics.append(metric) }
        for metric in metrics where !prediction.metrics.contains(metric) {
            throw .badModel(
                reason: "the metric \(metric.rawValue) does not fit the loss \(run.recipe.loss.name)",
                remedy: "choose one of " + prediction.metrics.map(\.rawValue).joined(separator: ", "))
        }
        self.metrics = metrics
        self.batchSize = batchSize
        self.isFixed = isFixed
    }

    /// - Parameters:
    ///   - check: throws where the run is cancelled.
    ///   - forward: runs the model on a batch.
    func measure(
        _ rows: RowFile, check: () throws(TrainingError) -> Void, forward: (RowBatch) throws(TrainingError) -> StepMachine.Evaluation
    ) throws(TrainingError) -> [Metric: Double] {
        var accumulator = MetricsAccumulator(metrics, of: prediction)
        for start in stride(from: 0, to: rows.rowCount, by: batchSize) {
            try check()
            let counting = min(batchSize, rows.rowCount - start)
            let total = isFixed ? batchSize : counting
            var batch = try rows.batch((0..<total).map { (start + $0) % rows.rowCount })
            batch.count(only: counting)
            let answer = try forward(batch)
            accumulator.add(loss: answer.loss, weight: answer.lossWeight)
            if let scores = answer.scores, let labels = batch.target {
                accumulator.add(answers: scores, labels: labels, weights: batch.weights.floats)
            }
        }
        var values: [Metric: Double] = [:]
        for metric in Set(metrics) {
            if let reason = accumulator.undefined(metric) {
                throw .tooFewRows(
                    reason: "\(rows.rowCount) rows are held out: \(reason)",
                    remedy: "bring labelled rows of more kinds, raise validation, or choose another metric")
            }
            values[metric] = accumulator.value(metric)
        }
        return values
    }
}

extension Prediction {
    init(_ scores: [StepGraph.Scores], loss: Loss) throws(TrainingError) {
        guard scores.count == 1, let scores = scores.first else {
            self = .opaque
            return
        }
        switch scores.kind {
        case .classLogits(let axis), .classProbabilities(let axis):
            guard let count = scores.classCount else {
                throw .badModel(
                    reason: "the model does not say how many classes its output '\(scores.name)' has",
                    remedy: "export it with a fixed class axis")
            }
            var form = Prediction.Scores.logits
            if case .classProbabilities = scores.kind { form = .probabilities }
            self = .classes(count: count, axis: axis, form)
        case .logits: self = .yesOrNo(.logits)
        case .probabilities: self = .yesOrNo(.probabilities)
        case .logRate: self = .values(isLogarithm: true)
        case .values:
            switch loss {
            // There are several answers for one label.
            case .quantile(let quantiles) where quantiles.count > 1: self = .opaque
            case .cosineEmbedding: self = .opaque
            default: self = .values(isLogarithm: false)
            }
        }
    }

    /// The metrics that are measured even if nobody asks for them.
    fileprivate var usual: [Metric] {
        switch self {
        case .classes, .yesOrNo: [.accuracy]
        case .values: [.rmse]
        case .opaque: []
        }
    }
}

extension RowBatch {
    /// Sets the weights of all rows after the first `count` to zero.
    mutating func count(only count: Int) {
        guard count < rowCount else { return }
        weights = Tensor(.float32, [rowCount], weights.floats.enumerated().map { $0.offset < count ? $0.element : 0 })
    }
}
