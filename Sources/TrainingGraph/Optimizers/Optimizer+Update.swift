import Autodiff
import ONNX
package import Recipes
import Tensors

/// Holds the scalars that an update reads, besides parameter, gradient and state.
struct StepScalars {
    /// The learning rate.
    let rate: Symbol
    /// The number of this step, from 1, in float64, since `1 - beta^t` loses digits in float32; nil if the optimizer does not need it.
    let number: Symbol?
}

/// Defines the formulas of the optimizers. Moments are kept without their factor, as `m = beta m + g` instead of `beta m + (1 - beta) g`:
/// the factor goes into scalars, which saves a pass over all parameters. In exact arithmetic the parameters are the same.
extension Optimizer {
    /// The names of the state of each parameter. State has the shape of the parameter and is 0 at first.
    package var stateNames: [String] {
        switch self {
        case .sgd(let momentum, _): momentum == 0 ? [] : ["momentum_buffer"]
        case .adagrad: ["sum"]
        case .rmsprop(_, _, let momentum): momentum == 0 ? ["square_sum"] : ["square_sum", "momentum_buffer"]
        case .adam, .adamw, .lamb: ["gradient_sum", "square_sum"]
        case .lion: ["gradient_sum"]
        }
    }

    var countsSteps: Bool {
        switch self {
        case .adam, .adamw, .lamb: true
        case .sgd, .adagrad, .rmsprop, .lion: false
        }
    }

    /// Tells whether the update of an element depends on no other element.
    var worksByElement: Bool {
        if case .lamb = self { false } else { true }
    }

    /// Returns a parameter and its state after a step. `state` has the order of `stateNames`.
    func next(_ p: Symbol, gradient g: Symbol, state: [Symbol], decay: Double, _ step: StepScalars) -> (parameter: Symbol, state: [Symbol])
    {
        let rate = step.rate.cast(to: p.elementType)
        func decayed() -> Symbol { decay == 0 ? g : g + p * decay }
        func shrunk() -> Symbol { decay == 0 ? p : p * (1 - rate * decay) }
        switch self {
        case .sgd(let momentum, let nesterov):
            let g = decayed()
            if momentum == 0 { return (p - g * rate, []) }
            let buffer = state[0] * momentum + g
            return (p - (nesterov ? g + buffer * momentum : buffer) * rate, [buffer])
        case .adagrad(let epsilon):
            let g = decayed()
            let sum = state[0] + g.squared
            return (p - g * rate / (sum.sqrt + epsilon), [sum])
        case .rmsprop(let alpha, let epsilon, let momentum):
            let g = decayed()
            let sum = state[0] * alpha + g.squared
            let root = (1 - alpha).squareRoot()
            let direction = g / (sum.sqrt + epsilon / root)
            let rate = rate / root
            if momentum == 0 { return (p - direction * rate, [sum]) }
            let buffer = state[1] * momentum + direction
            return (p - buffer * rate, [sum, buffer])
        case .adam(let moments):
            let (direction, factor, state) = adaptive(decayed(), state, moments, step, p.elementType)
            return (p - direction * (factor * rate), state)
        case .adamw(let moments):
            let (direction, factor, state) = adaptive(g, state, moments, step, p.elementType)
            return (shrunk() - direction * (factor * rate), state)
        case .lion(let beta1, let beta2):
            let sign = (state[0] * (beta1 * (1 - beta2) / (1 - beta1)) + g).sign
            return (shrunk() - sign * rate, [state[0] * beta2 + g])
        case .lamb(let moments):
            let (direction, factor, state) = adaptive(g, state, moments, step, p.elementType)
            let update = decay == 0 ? direction * factor : direction * factor + p * decay
            let length = Self.length(p), updateLength = Self.length(update)
            let both = (length > 0).and(updateLength > 0)
            return (p - update * (both.select(length / updateLength, 1) * rate), state)
        }
    }

    /// Returns the direction of Adam as `direction * factor`, with a scalar factor. With `M = m / (1 - beta1)` and `V = v / (1 - beta2)`
    /// kept, `m / (1 - beta1^t) / (sqrt(v / (1 - beta2^t)) + epsilon)` is `(1 - beta1) / (1 - beta1^t) / k * M / (sqrt(V) + epsilon / k)`
    /// with `k = sqrt((1 - beta2) / (1 - beta2^t))`.
    private func adaptive(
        _ g: Symbol, _ state: [Symbol], _ moments: Moments, _ step: StepScalars, _ type: ElementType
    ) -> (direction: Symbol, factor: Symbol, state: [Symbol]) {
        guard let number = step.number else { preconditionFailure("\(name) counts steps") }
        let first = state[0] * moments.beta1 + g
        let second = state[1] * moments.beta2 + g.squared
        func correction(_ beta: Double) -> Symbol { 1 - number.graph.scalar(beta, .float64).apply("Pow", [number], extents: []) }
        let k = ((1 - moments.beta2) / correction(moments.beta2)).sqrt
        let factor = ((1 - moments.beta1) / (correction(moments.beta1) * k)).cast(to: type)
        let epsilon = (moments.epsilon / k).cast(to: type)
        return (first / (second.sqrt + epsilon), factor, [first, second])
    }

    private static func length(_ value: Symbol) -> Symbol { squaredLength(value).sqrt }

    /// Returns the sum of squares, a scalar.
    static func squaredLength(_ value: Symbol) -> Symbol {
        value.apply("ReduceSumSquare", [], [Attribute("keepdims", .int(0))], extents: [])
    }
}
