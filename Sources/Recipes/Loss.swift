/// Names the function that training minimizes. Every loss is a weighted mean, `sum(weight * term) / sum(weight)`. The weights are those of
/// the rows (1 where none are given), times that of the class where `crossEntropy` has class weights. With row weights of 1 each loss
/// equals PyTorch's loss of that name under `reduction="mean"`.
package enum Loss: Sendable, Codable, Hashable {
    /// The loss is `CrossEntropyLoss`. Targets are class indices (int64, the shape of the output without its class axis; -100 is left out)
    /// or, where `targets` says so, probabilities (the shape of the output). The class axis is that of the model's own Softmax, otherwise
    /// 1. A model with operators of `ai.onnx.ml` may give scores without a Softmax: where they cannot be negative (`ClassifierEnding`),
    /// they are taken as probabilities, and their logarithms, after division by their sum, replace the LogSoftmax. `classWeights` are in
    /// the order of the classes; an empty list means all 1. With class indices they count in the mean's weight, with probabilities they do
    /// not.
    case crossEntropy(labelSmoothing: Double = 0, classWeights: [Double] = [], targets: Targets = .indices)
    /// The loss is `BCEWithLogitsLoss`, or `BCELoss` (logarithms cut at -100) where `scores` are probabilities. Targets are in 0...1 and
    /// have the shape of the output. A classifier of `ai.onnx.ml` gives two probabilities, of which the second counts. `positiveWeight`
    /// multiplies the term of the positive class.
    case binaryCrossEntropy(positiveWeight: Double = 1, scores: Scores = .automatic)
    /// The loss is `MultiLabelSoftMarginLoss`: binary cross entropy per class, averaged over the last axis. Targets are `[N, C]` of 0 or 1.
    case multilabel(classWeights: [Double] = [], scores: Scores = .automatic)
    case meanSquaredError
    case meanAbsoluteError
    /// The loss is quadratic up to an error of `delta`, and linear beyond.
    case huber(delta: Double = 1)
    /// The loss is the pinball loss: `max(q * e, (q - 1) * e)` with `e = target - output`. Each of several quantiles takes one element of
    /// the last axis of the output.
    case quantile([Double])
    /// The loss is `PoissonNLLLoss(full=False, eps=1e-8)`.
    case poisson(rate: Rate = .automatic)
    /// The loss is `CosineEmbeddingLoss`. With one output, the target is the embedding that it should point to, `[N, D]`. With two outputs,
    /// the target `[N]` is 1 where they should point the same way and -1 where their cosine should be at most `margin`.
    case cosineEmbedding(margin: Double = 0)
    /// The model computes its own loss in this output, which is averaged if it has more than one element.
    case output(String)

    /// Names the form of labels: the class, by index or by name, or the probability of each class, one column each.
    package enum Targets: String, Sendable, Codable, Hashable, CaseIterable { case indices, probabilities }

    /// Names what the output of a two-way classifier is. With `automatic`, it is the input of the Sigmoid that the model ends in, otherwise
    /// logits.
    package enum Scores: String, Sendable, Codable, Hashable, CaseIterable { case automatic, logits, probabilities }

    /// Names what the output of a counting model is. With `automatic`, it is the logarithm of the rate: the input of the Exp that the model
    /// ends in, or else the output itself; it is the rate where the model ends in Softplus or Relu.
    package enum Rate: String, Sendable, Codable, Hashable, CaseIterable {
        case automatic
        case logRate = "log_rate"
        case rate
    }
}

// MARK: Names and options

extension Loss {
    /// Lists the losses, as pipelines and error messages spell them.
    package enum Kind: String, Sendable, CaseIterable {
        case crossEntropy = "cross_entropy"
        case binaryCrossEntropy = "binary_cross_entropy"
        case multilabel
        case meanSquaredError = "mean_squared_error"
        case meanAbsoluteError = "mean_absolute_error"
        case huber, quantile, poisson
        case cosineEmbedding = "cosine_embedding"
        case output
    }

    package var kind: Kind {
        switch self {
        case .crossEntropy: .crossEntropy
        case .binaryCrossEntropy: .binaryCrossEntropy
        case .multilabel: .multilabel
        case .meanSquaredError: .meanSquaredError
        case .meanAbsoluteError: .meanAbsoluteError
        case .huber: .huber
        case .quantile: .quantile
        case .poisson: .poisson
        case .cosineEmbedding: .cosineEmbedding
        case .output: .output
        }
    }

    /// The name of the loss in pipelines and error messages.
    package var name: String { kind.rawValue }

    /// Makes the loss with the options that hold where a pipeline gives none. A loss of the model's own has no output name yet.
    package init(_ kind: Kind) {
        self =
            switch kind {
            case .crossEntropy: .crossEntropy()
            case .binaryCrossEntropy: .binaryCrossEntropy()
            case .multilabel: .multilabel()
            case .meanSquaredError: .meanSquaredError
            case .meanAbsoluteError: .meanAbsoluteError
            case .huber: .huber()
            case .quantile: .quantile([0.5])
            case .poisson: .poisson()
            case .cosineEmbedding: .cosineEmbedding()
            case .output: .output("")
            }
    }

    /// The options of a loss, each with the losses that have it, in the order in which the revision writes them.
    package static let options: [Hyperparameter<Loss>] = [
        .number("label_smoothing", \.labelSmoothing, .belowOne, like: "0.1", "the share of the target that all classes get equally"),
        .number("positive_weight", \.positiveWeight, .positive, like: "2.5", "what a row of the positive class counts"),
        .word("targets", \.targets, "whether labels are class indices or the probabilities of all classes"),
        .word("scores", \.scores, "what the output of a two-way classifier is"),
        .numbers("class_weights", \.classWeights, .positive, like: "[1.0, 2.5]", "what a row of each class counts; left out: 1"),
        .number("delta", \.delta, .positive, like: "1.0", "the error up to which the loss is quadratic"),
        .numbers("quantile", \.quantiles, .between, like: "[0.1, 0.9]", "one number, or one for each element of the output's last axis"),
        .word("rate", \.rate, "what the output of a counting model is"),
        .number("margin", \.margin, .belowOne, like: "0.1", "the cosine up to which different rows cost nothing"),
    ]
}

/// Gives the options as properties: nil for a loss that does not have them, and setting it there has no effect.
extension Loss {
    private var labelSmoothing: Double? {
        get { if case .crossEntropy(let smoothing, _, _) = self { smoothing } else { nil } }
        set {
            if case .crossEntropy(_, let weights, let targets) = self, let newValue {
                self = .crossEntropy(labelSmoothing: newValue, classWeights: weights, targets: targets)
            }
        }
    }

    private var targets: Targets? {
        get { if case .crossEntropy(_, _, let targets) = self { targets } else { nil } }
        set {
            if case .crossEntropy(let smoothing, let weights, _) = self, let newValue {
                self = .crossEntropy(labelSmoothing: smoothing, classWeights: weights, targets: newValue)
            }
        }
    }

    package private(set) var classWeights: [Double]? {
        get {
            switch self {
            case .crossEntropy(_, let weights, _), .multilabel(let weights, _): weights
            default: nil
            }
        }
        set {
            guard let newValue else { return }
            switch self {
            case .crossEntropy(let smoothing, _, let targets):
                self = .crossEntropy(labelSmoothing: smoothing, classWeights: newValue, targets: targets)
            case .multilabel(_, let scores): self = .multilabel(classWeights: newValue, scores: scores)
            default: break
            }
        }
    }

    private var positiveWeight: Double? {
        get { if case .binaryCrossEntropy(let weight, _) = self { weight } else { nil } }
        set {
            if case .binaryCrossEntropy(_, let scores) = self, let newValue {
                self = .binaryCrossEntropy(positiveWeight: newValue, scores: scores)
            }
        }
    }

    private var scores: Scores? {
        get {
            switch self {
            case .binaryCrossEntropy(_, let scores), .multilabel(_, let scores): scores
            default: nil
            }
        }
        set {
            guard let newValue else { return }
            switch self {
            case .binaryCrossEntropy(let weight, _): self = .binaryCrossEntropy(positiveWeight: weight, scores: newValue)
            case .multilabel(let weights, _): self = .multilabel(classWeights: weights, scores: newValue)
            default: break
            }
        }
    }

    private var delta: Double? {
        get { if case .huber(let delta) = self { delta } else { nil } }
        set { if case .huber = self, let newValue { self = .huber(delta: newValue) } }
    }

    private var quantiles: [Double]? {
        get { if case .quantile(let quantiles) = self { quantiles } else { nil } }
        set { if case .quantile = self, let newValue { self = .quantile(newValue) } }
    }

    private var rate: Rate? {
        get { if case .poisson(let rate) = self { rate } else { nil } }
        set { if case .poisson = self, let newValue { self = .poisson(rate: newValue) } }
    }

    private var margin: Double? {
        get { if case .cosineEmbedding(let margin) = self { margin } else { nil } }
        set { if case .cosineEmbedding = self, let newValue { self = .cosineEmbedding(margin: newValue) } }
    }
}
