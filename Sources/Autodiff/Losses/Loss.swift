/// What training makes small. Every loss is a weighted mean: `sum(weight * term) / sum(weight)`, the weights being the rows' own (1 where
/// none are given), times that of the class where `crossEntropy` has class weights. With row weights of 1 each equals PyTorch's loss of
/// that name under `reduction="mean"`.
package enum Loss: Sendable, Codable, Hashable {
    /// `CrossEntropyLoss`. Targets are class indices (int64, the shape of the output without its class axis; -100 is left out) or, where
    /// `targets` says so, probabilities (the shape of the output). The class axis is that of the model's own Softmax, otherwise 1. A model
    /// with operators of `ai.onnx.ml` may give scores without a Softmax: where they cannot be negative (`ClassifierEnding`), they are taken
    /// as probabilities, and their logarithms, after division by their sum, replace the LogSoftmax. `classWeights` are in the order of the
    /// classes; empty: all 1. With class indices they count in the mean's weight, with probabilities they do not.
    case crossEntropy(labelSmoothing: Double = 0, classWeights: [Double] = [], targets: ClassTargets = .indices)
    /// `BCEWithLogitsLoss`, or `BCELoss` (logarithms cut at -100) where `scores` are probabilities. Targets are in 0...1 and have the shape
    /// of the output. A classifier of `ai.onnx.ml` gives two probabilities, of which the second counts. `positiveWeight` multiplies the
    /// term of the positive class.
    case binaryCrossEntropy(positiveWeight: Double = 1, scores: Scores = .automatic)
    /// `MultiLabelSoftMarginLoss`: binary cross entropy per class, averaged over the last axis. Targets `[N, C]` of 0 or 1.
    case multilabel(classWeights: [Double] = [], scores: Scores = .automatic)
    case meanSquaredError
    case meanAbsoluteError
    /// Quadratic up to an error of `delta`, linear beyond.
    case huber(delta: Double = 1)
    /// The pinball loss: `max(q * e, (q - 1) * e)` with `e = target - output`. Several quantiles take the last axis of the output, one each.
    case quantile([Double])
    /// `PoissonNLLLoss(full=False, eps=1e-8)`.
    case poisson(output: PoissonOutput = .automatic)
    /// `CosineEmbeddingLoss`. With one output: the target is the embedding that it should point to, `[N, D]`. With two: the target `[N]` is
    /// 1 where they should point the same way and -1 where their cosine should be at most `margin`.
    case cosineEmbedding(margin: Double = 0)
    /// The model computes its own: this output, averaged over what it has more than one of.
    case output(String)

    package enum ClassTargets: String, Sendable, Codable, Hashable { case indices, probabilities }

    /// What the output of a two-way classifier is. `automatic`: the input of the Sigmoid that the model ends in, otherwise logits.
    package enum Scores: String, Sendable, Codable, Hashable { case automatic, logits, probabilities }

    /// `automatic`: the logarithm of the rate, being the input of the Exp that the model ends in or else the output itself; the rate where
    /// the model ends in Softplus or Relu.
    package enum PoissonOutput: String, Sendable, Codable, Hashable {
        case automatic
        case logRate = "log_rate"
        case rate
    }
}

extension Loss {
    /// As pipelines and error messages spell it.
    package var name: String {
        switch self {
        case .crossEntropy: "cross_entropy"
        case .binaryCrossEntropy: "binary_cross_entropy"
        case .multilabel: "multilabel"
        case .meanSquaredError: "mean_squared_error"
        case .meanAbsoluteError: "mean_absolute_error"
        case .huber: "huber"
        case .quantile: "quantile"
        case .poisson: "poisson"
        case .cosineEmbedding: "cosine_embedding"
        case .output: "output"
        }
    }
}
