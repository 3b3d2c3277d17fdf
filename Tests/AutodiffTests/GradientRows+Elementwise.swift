import ONNX
import Tensors

extension GradientRows {
    private static let open: @Sendable (inout GradientCase) -> Void = { $0.openness = .ranks }
    private static func unary(
        _ name: String, _ range: ClosedRange<Double> = -1.5...1.5, avoiding: [Double] = [], with attributes: [Attribute] = []
    ) -> GradientCase {
        row(name, [.float([2, 3, 4], range, avoiding: avoiding)], attributes, attributes.map(\.name).joined(separator: ", "), open)
    }

    private static func binary(_ name: String, _ range: ClosedRange<Double> = -1.5...1.5) -> [GradientCase] {
        [
            row(name, [.float([2, 3], range), .float([2, 3], range)], [], "one shape", open),
            row(name, [.float([2, 3, 4], range), .float([4], range)], [], "a vector on the right", open),
            row(name, [.float([3, 1], range), .float([2, 1, 4], range)], [], "both broadcast", open),
            row(name, [.float([], range), .float([2, 3], range)], [], "a scalar on the left", open),
        ]
    }

    static let arithmetic: [GradientCase] =
        binary("Add") + binary("Sub") + binary("Mul") + binary("Div", 0.5...2) + binary("Pow", 0.5...2) + [
            row("Pow", [.float([2, 3], -1.5...1.5, avoiding: [0]), .constant([], [2])], [], "square"),
            row("Pow", [.float([2, 3]), .constant([], [3])], [], "cube"),
            row("Pow", [.float([2, 3], 0.5...2), .constant([], [0.5])], [], "root"),
            row("Pow", [.float([2, 3], 0.5...2), .constant([1], [-1])], [], "reciprocal"),
            row("Pow", [.float([2, 3], 0.5...2), .constant([], [1.7])], [], "constant exponent"),
            row("Pow", [.float([2, 3], 0.5...2), .constant([], [1])], [], "exponent one"),
            row("Pow", [.float([2, 3], -1.5 ... -0.5), .int64([2, 3, 4])], [], "integer exponents of negative bases"),
            row("Pow", [.numbers([3], [0, 0, 0]), .fixed([3], [0, 1, 2])], [], "zero bases") { $0.tolerance = 1e-2 },
            row("Mod", [.numbers([2, 2], [5.3, -3.1, 4.4, -7.7]), .numbers([2], [2, 3])], [int("fmod", 1)], "fmod", open),
            row("Sum", [.float([2, 3]), .float([3]), .float([2, 1])], [], "three", open),
            row("Sum", [.float([2, 3])], [], "one", open),
            row("Mean", [.float([2, 3]), .float([3]), .float([2, 1])], [], "three", open),
            row(
                "Max", [.numbers([2, 3], [1, 2, 3, 4, 5, 6]), .numbers([3], [2, 1, 5]), .numbers([2, 1], [1.5, 5.5])], [], "three", open),
            row("Max", [.float([2, 3])], [], "one", open),
            row("Min", [.numbers([2, 3], [1, 2, 3, 4, 5, 6]), .numbers([3], [2, 1, 5])], [], "two", open),
            row("Where", [.flags([2, 1], [true, false]), .float([2, 3]), .float([3])], [], "", open),
            row(
                "Clip", [.float([3, 4], -1.5...1.5, avoiding: [-0.5, 0.6]), .numbers([], [-0.5]), .numbers([], [0.6])], [], "both bounds",
                open),
            row("Clip", [.float([3, 4], -1.5...1.5, avoiding: [0.6]), nil, .constant([], [0.6])], [], "upper bound", open),
            row("Clip", [.float([3, 4], -1.5...1.5, avoiding: [-0.5]), .constant([], [-0.5])], [], "lower bound", open),
            row("Clip", [.float([3, 4]), .numbers([], [0.4]), .numbers([], [-0.3])], [], "bounds that cross", open),
            row("Clip", [.float([3, 4])], [], "no bound", open),
            row("Cast", [.float([2, 3])], [int("to", 1)], "to float") {
                $0.openness = .ranks; $0.isSingleOnly = true
            },
            row("CastLike", [.float([2, 3]), .constant([1], [0])], [], "", open),
            unary("Identity"), unary("Neg"), unary("Abs", avoiding: [0]), unary("Sqrt", 0.5...2), unary("Reciprocal", 0.5...2),
            unary("Exp"), unary("Log", 0.5...2), unary("Erf"), unary("Sin"), unary("Cos"), unary("Tan", -1...1), unary("Asin", -0.8...0.8),
            unary("Acos", -0.8...0.8), unary("Atan"), unary("Sinh"), unary("Cosh"), unary("Asinh"), unary("Acosh", 1.5...3),
            unary("Atanh", -0.8...0.8),
        ]

    static let activations: [GradientCase] = [
        unary("Relu", avoiding: [0]), unary("LeakyRelu", avoiding: [0]), unary("LeakyRelu", avoiding: [0], with: [float("alpha", 0.3)]),
        row("PRelu", [.float([2, 3, 4], -1.5...1.5, avoiding: [0]), .float([3, 1])], [], "a slope for each channel", open),
        row("PRelu", [.float([2, 3], -1.5...1.5, avoiding: [0]), .float([1])], [], "one slope", open),
        unary("ThresholdedRelu", avoiding: [0.4], with: [float("alpha", 0.4)]),
        unary("Elu", avoiding: [0], with: [float("alpha", 1.3)]), unary("Selu", avoiding: [0]),
        row("Celu", [.float([2, 3])], [float("alpha", 0.7)], "alpha") { $0.isSingleOnly = true }, unary("Sigmoid"),
        unary("HardSigmoid", -4...4, avoiding: [-2.5, 2.5]),
        unary("HardSigmoid", -4...4, avoiding: [-2, 3], with: [float("alpha", 0.2), float("beta", 0.4)]),
        unary("HardSwish", -4...4, avoiding: [-3, 3]), unary("Tanh"), unary("Softplus"), unary("Softsign"), unary("Mish"),
        row("Swish", [.float([2, 3])], [float("alpha", 1.5)], "alpha") { $0.opset = 24 },
        row("Shrink", [.float([2, 6], -1.5...1.5, avoiding: [-0.5, 0.5])], [float("lambd", 0.5), float("bias", 0.2)], "bias", open),
        unary("Gelu"), unary("Gelu", with: [string("approximate", "tanh")]),
        unary("Softmax"), unary("Softmax", with: [int("axis", 1)]), unary("Softmax", with: [int("axis", 0)]),
        unary("LogSoftmax"), unary("LogSoftmax", with: [int("axis", 1)]),
    ]
}
