/// Says how a gradient becomes a step. `g` is the gradient, `p` the parameter, `lr` the learning rate of the step, `t` the step's number
/// from 1, `wd` the weight decay; state begins at 0. The formulas and the places of epsilon are PyTorch's (`torch.optim`), where it has the
/// optimizer.
package enum Optimizer: Sendable, Codable, Hashable {
    /// A step is `g += wd p; b = momentum b + g; p -= lr b`, with `nesterov` `p -= lr (g + momentum b)`.
    case sgd(momentum: Double = 0, nesterov: Bool = false)
    /// A step is `g += wd p; s += g²; p -= lr g / (sqrt(s) + epsilon)`.
    case adagrad(epsilon: Double = 1e-10)
    /// A step is `g += wd p; s = alpha s + (1 - alpha) g²; p -= lr g / (sqrt(s) + epsilon)`, through a momentum buffer where there is one.
    case rmsprop(alpha: Double = 0.99, epsilon: Double = 1e-8, momentum: Double = 0)
    /// A step is `g += wd p; m = beta1 m + (1 - beta1) g; v = beta2 v + (1 - beta2) g²`;
    /// `p -= lr / (1 - beta1^t) m / (sqrt(v) / sqrt(1 - beta2^t) + epsilon)`.
    case adam(Moments = Moments())
    /// A step is that of Adam with the decay apart from the gradient: `p -= lr wd p` first.
    case adamw(Moments = Moments())
    /// A step is that of Chen et al. 2023: `p -= lr wd p; p -= lr sign(beta1 m + (1 - beta1) g); m = beta2 m + (1 - beta2) g`.
    case lion(beta1: Double = 0.9, beta2: Double = 0.99)
    /// A step is that of You et al. 2020: Adam's direction `u` plus `wd p`, scaled to the length of the parameter: `p -= lr |p| / |u| u`,
    /// unscaled where either length is 0.
    case lamb(Moments = Moments(epsilon: 1e-6))

    package struct Moments: Sendable, Codable, Hashable {
        package var beta1: Double
        package var beta2: Double
        package var epsilon: Double

        package init(beta1: Double = 0.9, beta2: Double = 0.999, epsilon: Double = 1e-8) {
            self.beta1 = beta1
            self.beta2 = beta2
            self.epsilon = epsilon
        }
    }
}

// MARK: Names and options

extension Optimizer {
    /// Lists the optimizers, as pipelines and error messages spell them.
    package enum Kind: String, Sendable, CaseIterable {
        case sgd, adagrad, rmsprop, adam, adamw, lion, lamb

        package var defaultLearningRate: Double {
            switch self {
            case .sgd, .adagrad: 0.01
            case .rmsprop, .adam, .adamw, .lamb: 1e-3
            case .lion: 1e-4
            }
        }

        /// The default decay: optimizers whose decay is apart from the gradient have a small one.
        package var defaultWeightDecay: Double { self == .adamw || self == .lamb || self == .lion ? 0.01 : 0 }
    }

    package var kind: Kind {
        switch self {
        case .sgd: .sgd
        case .adagrad: .adagrad
        case .rmsprop: .rmsprop
        case .adam: .adam
        case .adamw: .adamw
        case .lion: .lion
        case .lamb: .lamb
        }
    }

    package var name: String { kind.rawValue }

    /// Makes the optimizer with the options that hold where a pipeline gives none.
    package init(_ kind: Kind) {
        self =
            switch kind {
            case .sgd: .sgd()
            case .adagrad: .adagrad()
            case .rmsprop: .rmsprop()
            case .adam: .adam()
            case .adamw: .adamw()
            case .lion: .lion()
            case .lamb: .lamb()
            }
    }

    /// The options of an optimizer other than its learning rate and decay.
    package static let options: [Hyperparameter<Optimizer>] = [
        .number("momentum", \.momentum, .belowOne, like: "0.9", "the decay of the sum of past steps"),
        .flag("nesterov", \.nesterov, "whether the gradient is that of where the momentum leads; needs a momentum"),
        .number("alpha", \.alpha, .belowOne, like: "0.99", "the decay of the mean square"),
        .numbers("betas", \.betas, .belowOne, count: 2, like: "[0.9, 0.999]", "the decay of the first and the second moment"),
        .number("epsilon", \.epsilon, .positive, like: "1.0e-8", "what is added to the root, so that nothing is divided by 0"),
    ]
}

/// Gives the options as properties: nil for an optimizer that does not have them, and setting it there has no effect.
extension Optimizer {
    package var momentum: Double? {
        get {
            switch self {
            case .sgd(let momentum, _), .rmsprop(_, _, let momentum): momentum
            default: nil
            }
        }
        set {
            guard let newValue else { return }
            switch self {
            case .sgd(_, let nesterov): self = .sgd(momentum: newValue, nesterov: nesterov)
            case .rmsprop(let alpha, let epsilon, _): self = .rmsprop(alpha: alpha, epsilon: epsilon, momentum: newValue)
            default: break
            }
        }
    }

    package var nesterov: Bool? {
        get { if case .sgd(_, let nesterov) = self { nesterov } else { nil } }
        set { if case .sgd(let momentum, _) = self, let newValue { self = .sgd(momentum: momentum, nesterov: newValue) } }
    }

    package var alpha: Double? {
        get { if case .rmsprop(let alpha, _, _) = self { alpha } else { nil } }
        set {
            if case .rmsprop(_, let epsilon, let momentum) = self, let newValue {
                self = .rmsprop(alpha: newValue, epsilon: epsilon, momentum: momentum)
            }
        }
    }

    /// The two numbers `beta1` and `beta2`; nil for optimizers without them.
    package var betas: [Double]? {
        get {
            switch self {
            case .adam(let moments), .adamw(let moments), .lamb(let moments): [moments.beta1, moments.beta2]
            case .lion(let beta1, let beta2): [beta1, beta2]
            default: nil
            }
        }
        set {
            guard let newValue, newValue.count == 2 else { return }
            if case .lion = self { self = .lion(beta1: newValue[0], beta2: newValue[1]) }
            moments?.beta1 = newValue[0]
            moments?.beta2 = newValue[1]
        }
    }

    package var epsilon: Double? {
        get {
            switch self {
            case .adagrad(let epsilon), .rmsprop(_, let epsilon, _): epsilon
            default: moments?.epsilon
            }
        }
        set {
            guard let newValue else { return }
            switch self {
            case .adagrad: self = .adagrad(epsilon: newValue)
            case .rmsprop(let alpha, _, let momentum): self = .rmsprop(alpha: alpha, epsilon: newValue, momentum: momentum)
            default: moments?.epsilon = newValue
            }
        }
    }

    private var moments: Moments? {
        get {
            switch self {
            case .adam(let moments), .adamw(let moments), .lamb(let moments): moments
            default: nil
            }
        }
        set {
            guard let newValue else { return }
            switch self {
            case .adam: self = .adam(newValue)
            case .adamw: self = .adamw(newValue)
            case .lamb: self = .lamb(newValue)
            default: break
            }
        }
    }
}
