/// Names a measure of a model on held-out rows.
package enum Metric: String, Sendable, Codable, Hashable, CaseIterable {
    /// It is the share of rows whose greatest class (or, for two-way and multilabel outputs, each side of 0.5) is the label's.
    case accuracy
    /// It is the mean over the classes of the harmonic mean of precision and recall. A class that neither labels nor answers have is left
    /// out.
    case f1
    /// It is the probability that a row of a class scores above one of another class, with ties counting half; the mean over the classes.
    case auc
    /// It is the mean negative natural logarithm of the probability given to the label, cut at 1e-15.
    case logLoss = "log_loss"
    case rmse, mae
    /// It is one minus the squared error divided by the labels' variance; the mean over several targets.
    case r2
    /// It is the training loss, without what is active only in training (dropout).
    case loss

    package var isBetterWhenGreater: Bool {
        switch self {
        case .accuracy, .f1, .auc, .r2: true
        case .logLoss, .rmse, .mae, .loss: false
        }
    }

    /// Returns how much better `candidate` is than `reference`; negative if it is worse.
    package func improvement(of candidate: Double, over reference: Double) -> Double {
        isBetterWhenGreater ? candidate - reference : reference - candidate
    }

    /// Returns whether `candidate` is better than `reference`, or worse by at most `drop`, absolutely, where that is above 0: with a drop
    /// of 0 only a better one passes. A value that is no number never passes; any number passes against a reference that is none.
    package func passes(_ candidate: Double, against reference: Double, dropAtMost drop: Double) -> Bool {
        guard candidate.isFinite else { return false }
        guard reference.isFinite else { return true }
        let improvement = improvement(of: candidate, over: reference)
        return improvement > 0 || drop > 0 && improvement >= -drop
    }
}

extension Metric {
    /// Names the kind of a label, as far as metrics and losses must agree about it.
    package enum Labels: String, Sendable { case classes, numbers }

    /// The kind of labels that the metric compares; nil for the loss, which goes with any.
    package var labels: Labels? {
        switch self {
        case .accuracy, .f1, .auc, .logLoss: .classes
        case .rmse, .mae, .r2: .numbers
        case .loss: nil
        }
    }

    /// The losses that say what an output means where nobody names one, in the order in which they are tried; empty for the metric that is
    /// the loss itself.
    package var losses: [Loss] {
        switch labels {
        case .classes: [.crossEntropy(), .binaryCrossEntropy()]
        case .numbers: [.meanSquaredError]
        case nil: []
        }
    }
}

extension Loss {
    /// The kind of labels that the loss compares; nil where that is not known, or where only the loss can read the answers.
    package var labels: Metric.Labels? {
        switch self {
        case .crossEntropy, .binaryCrossEntropy, .multilabel: .classes
        case .meanSquaredError, .meanAbsoluteError, .huber, .quantile, .poisson: .numbers
        case .cosineEmbedding, .output: nil
        }
    }
}
