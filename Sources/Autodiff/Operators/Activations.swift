import ONNX
import Tensors

extension OperatorTable {
    static let activations: [OperatorGradient] = [
        .rule("Relu") { (c) in
            if c.mayBeInfinite { return [(c.y > 0).select(c.dy, 0)] }
            guard c.x.elementType == .float32 else { return [c.dy * (c.y > 0).mask(c.x.elementType)] }
            // The slope is 0 or 1 in one pass: the steepest line that float32 has, cut off at both ends. (OpenVINO 2026.4 takes a beta of 0
            // as not given.)
            let steep = [Attribute("alpha", .float(.greatestFiniteMagnitude)), Attribute("beta", .float(-1))]
            return [c.dy * c.y.map("HardSigmoid", steep)]
        },
        .rule("LeakyRelu") { (c) in [c.dy * below(c, c.graph.scalar(c.float("alpha", 0.01), c.x.elementType))] },
        .rule("PRelu", .broadcasts, weights: [1]) { (c) in
            [c.dy * below(c, c.b), c.dy * c.x.apply("Min", [c.graph.scalar(0, c.x.elementType)], extents: c.x.extents)]
        },
        .rule("ThresholdedRelu") { (c) in [c.dy * (c.x > c.float("alpha", 1)).mask(c.x.elementType)] },
        .rule("Elu") { (c) in [c.dy * below(c, c.y + c.float("alpha", 1))] },
        .rule("Selu") { (c) in
            let gamma = c.float("gamma", 1.0507010221481323)
            return [c.dy * gamma * below(c, c.y / gamma + c.float("alpha", 1.6732631921768188))]
        },
        .rule("Celu") { (c) in [c.dy * below(c, c.y / c.float("alpha", 1) + 1)] },
        .rule("Sigmoid") { [$0.dy * ($0.y * (1 - $0.y))] },
        .rule("HardSigmoid") { (c) in [c.dy * ((c.y > 0).and(c.y < 1).mask(c.x.elementType) * c.float("alpha", 0.2))] },
        .rule("HardSwish") { (c) in
            let middle = (c.x > -3).and(c.x < 3).mask(c.x.elementType) * (c.x / 3 + 0.5)
            return [c.dy * (middle + (c.x >= 3).mask(c.x.elementType))]
        },
        .rule("Tanh") { [$0.dy * (1 - $0.y.squared)] },
        .rule("Softplus") { [$0.dy * $0.x.sigmoid] },
        .rule("Softsign") { [$0.dy / ($0.x.abs + 1).squared] },
        .rule("Mish") { (c) in
            let inner = c.x.map("Softplus").tanh
            return [c.dy * (inner + c.x * c.x.sigmoid * (1 - inner.squared))]
        },
        .rule("Swish") { (c) in
            let alpha = c.float("alpha", 1)
            let gate = (c.x * alpha).sigmoid
            return [c.dy * (gate + c.y * alpha * (1 - gate))]
        },
        .rule("SwiGLU") { (c) in
            let alpha = c.float("alpha", 1)
            let gate = (c.a * alpha).sigmoid
            let swish = c.a * gate
            return [c.dy * c.b * (gate + swish * alpha * (1 - gate)), c.dy * swish]
        },
        .rule("Shrink") { (c) in [c.dy * (c.x.abs > c.float("lambd", 0.5)).mask(c.x.elementType)] },
        .rule("Gelu", by: gelu),
        .rule("Softmax") { (c) in
            // Exporters write attention whose rows may see no key as a softmax of minus infinities, whose NaNs they replace afterwards.
            let y = c.mayHoldNaN ? c.y.map("IsNaN", type: .bool).select(0, c.y) : c.y
            let product = c.dy * y
            return [product - y * product.sum([c.int("axis", -1)])]
        },
        .rule("LogSoftmax") { (c) in [c.dy - c.y.exp * c.dy.sum([c.int("axis", -1)])] },
    ]

    /// Returns `slope` where the input is below zero, 1 elsewhere.
    private static func below(_ c: RuleContext, _ slope: Symbol) -> Symbol { (c.x < 0).mask(c.x.elementType) * (slope - 1) + 1 }

    /// Returns the gradient of `x Phi(x)`, or of its approximation by tanh.
    private static func gelu(_ c: RuleContext) -> [Symbol?] {
        if c.string("approximate", "none") == "tanh" {
            let square = c.x.squared
            let inner = (c.x * (square * 0.044715 + 1) * 0.7978845608028654).tanh
            let slope = (square * (3 * 0.044715) + 1) * 0.7978845608028654
            return [c.dy * ((inner + 1) * 0.5 + c.x * 0.5 * (1 - inner.squared) * slope)]
        }
        // Phi(x) + x phi(x), with z = x / sqrt 2: (1 + erf z) / 2 + z exp(-z^2) / sqrt pi. As the quotient z / exp(z^2), which is 0 where
        // the divisor overflows, it takes one pass less.
        let z = c.x * 0.7071067811865476
        let cumulative =
            c.x.elementType == .float32
            ? z.map("Erf").map("HardSigmoid", [Attribute("alpha", .float(0.5)), Attribute("beta", .float(0.5))]) : z.map("Erf") * 0.5 + 0.5
        return [c.dy * (cumulative + z / z.squared.exp * 0.5641895835477563)]
    }
}
