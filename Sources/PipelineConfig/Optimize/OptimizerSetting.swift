/// How a gradient becomes a step.
package struct OptimizerSetting: Sendable, Equatable, Codable {
    package enum Kind: String, Sendable, Equatable, Codable, CaseIterable {
        case sgd, adagrad, rmsprop, adam, adamw, lion, lamb

        /// The keys that it takes beside `learning_rate`, `weight_decay` and `no_decay`.
        var options: [String] {
            switch self {
            case .sgd: ["momentum", "nesterov"]
            case .adagrad: ["epsilon"]
            case .rmsprop: ["alpha", "epsilon", "momentum"]
            case .lion: ["betas"]
            case .adam, .adamw, .lamb: ["betas", "epsilon"]
            }
        }

        var defaultLearningRate: Double {
            switch self {
            case .sgd, .adagrad: 0.01
            case .rmsprop, .adam, .adamw, .lamb: 1e-3
            case .lion: 1e-4
            }
        }

        /// Those that take it apart from the gradient decay a little unless told otherwise.
        var defaultWeightDecay: Double { self == .adamw || self == .lamb || self == .lion ? 0.01 : 0 }
        var defaultBetas: [Double] { self == .lion ? [0.9, 0.99] : [0.9, 0.999] }
        var defaultEpsilon: Double {
            switch self {
            case .adagrad: 1e-10
            case .lamb: 1e-6
            default: 1e-8
            }
        }
    }

    package let kind: Kind
    package let learningRate: Double
    package let weightDecay: Double
    /// Of `sgd` and `rmsprop`.
    package let momentum: Double
    package let nesterov: Bool
    /// Decay of the mean square, of `rmsprop`.
    package let alpha: Double
    /// Decay of the first and second moment.
    package let betas: [Double]
    package let epsilon: Double

    package static let `default` = OptimizerSetting(.adamw)

    /// What is nil is the kind's own default.
    package init(
        _ kind: Kind, learningRate: Double? = nil, weightDecay: Double? = nil, momentum: Double = 0, nesterov: Bool = false,
        alpha: Double = 0.99, betas: [Double]? = nil, epsilon: Double? = nil
    ) {
        self.kind = kind
        self.learningRate = learningRate ?? kind.defaultLearningRate
        self.weightDecay = weightDecay ?? kind.defaultWeightDecay
        self.momentum = momentum
        self.nesterov = nesterov
        self.alpha = alpha
        self.betas = betas ?? kind.defaultBetas
        self.epsilon = epsilon ?? kind.defaultEpsilon
    }
}

/// How the learning rate changes from step to step.
package struct ScheduleSetting: Sendable, Equatable, Codable {
    package enum Kind: String, Sendable, Equatable, Codable, CaseIterable {
        case constant, linear, cosine, step
        case oneCycle = "one_cycle"
    }

    package let kind: Kind
    /// Optimization steps in which it rises from 0 to the optimizer's learning rate.
    package let warmUp: Int
    /// Of `step`: epochs from one drop to the next, counted from the end of the warm-up, and what each multiplies by.
    package let every: Int
    package let factor: Double
    /// Of `linear` and `cosine`: the share of the learning rate at the end.
    package let end: Double

    package init(_ kind: Kind = .constant, warmUp: Int = 0, every: Int = 1, factor: Double = 0.1, end: Double = 0) {
        self.kind = kind
        self.warmUp = warmUp
        self.every = every
        self.factor = factor
        self.end = end
    }
}
