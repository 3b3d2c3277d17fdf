/// What training makes small.
package enum LossSetting: Sendable, Equatable, Codable {
    /// `classWeights` in the order of the classes; empty: all 1.
    case crossEntropy(labelSmoothing: Double = 0, classWeights: [Double] = [], targets: Targets = .indices)
    case binaryCrossEntropy(positiveWeight: Double = 1, scores: Scores = .automatic)
    case multilabel(classWeights: [Double] = [], scores: Scores = .automatic)
    case meanSquaredError
    case meanAbsoluteError
    case huber(delta: Double = 1)
    /// Several take the last axis of the output, one each.
    case quantile([Double])
    case poisson(Rate = .automatic)
    case cosineEmbedding(margin: Double = 0)
    /// The model computes its own, as this output.
    case output(String)

    /// What labels are: the class, by index or by name, or the probability of each class, one column each.
    package enum Targets: String, Sendable, Equatable, Codable, CaseIterable { case indices, probabilities }

    /// What a two-way classifier's output is; `automatic`: as the model ends.
    package enum Scores: String, Sendable, Equatable, Codable, CaseIterable { case automatic, logits, probabilities }

    /// What a counting model's output is; `automatic`: as the model ends.
    package enum Rate: String, Sendable, Equatable, Codable, CaseIterable {
        case automatic
        case logRate = "log_rate"
        case rate
    }

    /// As the pipeline file spells it.
    package enum Kind: String, CaseIterable {
        case crossEntropy = "cross_entropy"
        case binaryCrossEntropy = "binary_cross_entropy"
        case multilabel
        case meanSquaredError = "mean_squared_error"
        case meanAbsoluteError = "mean_absolute_error"
        case huber, quantile, poisson
        case cosineEmbedding = "cosine_embedding"
        case output

        /// Of which labels are classes.
        var isClassification: Bool { self == .crossEntropy || self == .binaryCrossEntropy }
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
}
