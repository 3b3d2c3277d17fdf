import ONNX
import Tensors

/// Names the last operation of classifiers and ensembles of `ai.onnx.ml` on their scores.
enum ScoreTransform: String {
    case none = "NONE"
    case logistic = "LOGISTIC"
    case softmax = "SOFTMAX"
    case softmaxZero = "SOFTMAX_ZERO"
    case probit = "PROBIT"

    /// Reads a word. ONNX Runtime reads every other word as PROBIT.
    init(_ word: String) { self = ScoreTransform(rawValue: word) ?? .probit }
}

extension Lowering {
    /// Transforms scores `[N, K]` of float32, with K at least 2.
    mutating func transformed(_ value: String, _ transform: ScoreTransform) -> String {
        switch transform {
        case .none: return value
        case .logistic: return add("Sigmoid", [value])
        case .softmax: return add("Softmax", [value], [.init("axis", .int(1))])
        case .softmaxZero: return softmaxZero(value)
        case .probit: return probit(value)
        }
    }

    /// Returns the probabilities `[N, 2]` for a single score `[N, 1]`: the sigmoid of its negative and of itself. They are the Softmax of
    /// the halved scores, which are returned as `logits`, so that a loss finds the scores.
    mutating func twoClasses(_ score: String) -> (logits: String, probabilities: String) {
        let half = add("Mul", [score, number(0.5, .float32)])
        let logits = concatenated([add("Neg", [half]), half])
        return (logits, add("Softmax", [logits], [.init("axis", .int(1))]))
    }

    /// Computes a Softmax that leaves zeros out.
    private mutating func softmaxZero(_ value: String) -> String {
        let greatest = reduce("ReduceMax", value, axis: 1, keep: true)
        let counts = add("Greater", [add("Abs", [value]), number(1e-7, .float32)])
        let exponentials = add("Exp", [add("Sub", [value, greatest])])
        let rest = add("Mul", [value, add("Exp", [add("Neg", [greatest])])])
        let sum = reduce("ReduceSum", add("Where", [counts, exponentials, number(0, .float32)]), axis: 1, keep: true)
        return add("Div", [add("Where", [counts, exponentials, rest]), sum])
    }

    /// Computes the square root of 2 times the inverse error function at `2 value - 1`, by Winitzki's approximation.
    mutating func probit(_ value: String) -> String {
        let two = number(2, .float32)
        let x = add("Sub", [add("Mul", [value, two]), number(1, .float32)])
        let one = number(1, .float32)
        let logarithm = add("Log", [add("Mul", [add("Sub", [one, x]), add("Add", [one, x])])])
        let first = add("Add", [number(Double(2 / (Float.pi * 0.147)), .float32), add("Mul", [logarithm, number(0.5, .float32)])])
        let second = add("Mul", [logarithm, number(Double(1 / Float(0.147)), .float32)])
        let root = add("Sqrt", [add("Sub", [add("Sqrt", [add("Sub", [add("Mul", [first, first]), second])]), first])])
        let sign = add("Where", [add("Less", [x, number(0, .float32)]), number(-1, .float32), one])
        return add("Mul", [add("Mul", [sign, root]), number(2.0.squareRoot(), .float32)])
    }
}
