import ONNX
import Tensors

extension RuleTable {
    static let activations: [String: GradientRule] = [
        "Relu": { [($0.y > 0).select($0.dy, 0)] },
        "LeakyRelu": { (c) in [(c.x < 0).select(c.dy * c.float("alpha", 0.01), c.dy)] },
        "PRelu": { (c) in
            let negative = c.x < 0
            return [negative.select(c.dy * c.b, c.dy), negative.select(c.dy * c.x, 0)]
        },
        "ThresholdedRelu": { (c) in [(c.x > c.float("alpha", 1)).select(c.dy, 0)] },
        "Elu": { (c) in [(c.x < 0).select(c.dy * (c.y + c.float("alpha", 1)), c.dy)] },
        "Selu": { (c) in
            let gamma = c.float("gamma", 1.0507010221481323)
            return [(c.x < 0).select(c.dy * (c.y + gamma * c.float("alpha", 1.6732631921768188)), c.dy * gamma)]
        },
        "Celu": { (c) in [(c.x < 0).select(c.dy * (c.y / c.float("alpha", 1) + 1), c.dy)] },
        "Sigmoid": { [$0.dy * ($0.y * (1 - $0.y))] },
        "HardSigmoid": { (c) in [(c.y > 0).and(c.y < 1).select(c.dy * c.float("alpha", 0.2), 0)] },
        "HardSwish": { (c) in
            let middle = (c.x > -3).select(c.dy * (c.x / 3 + 0.5), 0)
            return [(c.x < 3).select(middle, c.dy)]
        },
        "Tanh": { [$0.dy * (1 - $0.y.squared)] },
        "Softplus": { [$0.dy * $0.x.sigmoid] },
        "Softsign": { [$0.dy / ($0.x.abs + 1).squared] },
        "Mish": { (c) in
            let inner = c.x.map("Softplus").tanh
            return [c.dy * (inner + c.x * c.x.sigmoid * (1 - inner.squared))]
        },
        "Swish": { (c) in
            let alpha = c.float("alpha", 1)
            let gate = (c.x * alpha).sigmoid
            return [c.dy * (gate + c.y * alpha * (1 - gate))]
        },
        "Shrink": { (c) in [(c.x.abs > c.float("lambd", 0.5)).select(c.dy, 0)] },
        "Gelu": gelu,
        "Softmax": { (c) in
            let product = c.dy * c.y
            return [product - c.y * product.sum([c.int("axis", -1)])]
        },
        "LogSoftmax": { (c) in [c.dy - c.y.exp * c.dy.sum([c.int("axis", -1)])] },
    ]

    /// `x Phi(x)`, or its approximation by tanh.
    private static func gelu(_ c: RuleContext) -> [Symbol?] {
        if c.string("approximate", "none") == "tanh" {
            let square = c.x.squared
            let inner = (c.x * (square * 0.044715 + 1) * 0.7978845608028654).tanh
            let slope = (square * (3 * 0.044715) + 1) * 0.7978845608028654
            return [c.dy * ((inner + 1) * 0.5 + c.x * 0.5 * (1 - inner.squared) * slope)]
        }
        let cumulative = (c.x * 0.7071067811865476).map("Erf") * 0.5 + 0.5
        let density = (c.x.squared * -0.5).exp * 0.3989422804014327
        return [c.dy * (cumulative + c.x * density)]
    }
}
