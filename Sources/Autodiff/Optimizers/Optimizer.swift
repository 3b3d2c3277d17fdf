/// How a gradient becomes a step. `g` is the gradient, `p` the parameter, `lr` the learning rate of the step, `t` the step's number from 1,
/// `wd` the weight decay; state begins at 0. The formulas and the places of epsilon are PyTorch's (`torch.optim`), where it has the optimizer.
package enum Optimizer: Sendable, Codable, Hashable {
    /// `g += wd p; b = momentum b + g; p -= lr b`, with `nesterov` `p -= lr (g + momentum b)`.
    case sgd(momentum: Double = 0, nesterov: Bool = false)
    /// `g += wd p; s += g²; p -= lr g / (sqrt(s) + epsilon)`.
    case adagrad(epsilon: Double = 1e-10)
    /// `g += wd p; s = alpha s + (1 - alpha) g²; p -= lr g / (sqrt(s) + epsilon)`, through a momentum buffer where there is one.
    case rmsprop(alpha: Double = 0.99, epsilon: Double = 1e-8, momentum: Double = 0)
    /// `g += wd p; m = beta1 m + (1 - beta1) g; v = beta2 v + (1 - beta2) g²`;
    /// `p -= lr / (1 - beta1^t) m / (sqrt(v) / sqrt(1 - beta2^t) + epsilon)`.
    case adam(Moments = Moments())
    /// Adam with decay apart from the gradient: `p -= lr wd p` first.
    case adamw(Moments = Moments())
    /// Chen et al. 2023: `p -= lr wd p; p -= lr sign(beta1 m + (1 - beta1) g); m = beta2 m + (1 - beta2) g`.
    case lion(beta1: Double = 0.9, beta2: Double = 0.99)
    /// You et al. 2020: Adam's direction `u` plus `wd p`, scaled to the length of the parameter: `p -= lr |p| / |u| u`, unscaled where
    /// either length is 0.
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

    package var name: String {
        switch self {
        case .sgd: "sgd"
        case .adagrad: "adagrad"
        case .rmsprop: "rmsprop"
        case .adam: "adam"
        case .adamw: "adamw"
        case .lion: "lion"
        case .lamb: "lamb"
        }
    }
}
