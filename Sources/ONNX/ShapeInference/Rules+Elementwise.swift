import Tensors

extension InferenceRules {
    static let elementwise: [String: InferenceRule] = makeElementwise()

    private static func makeElementwise() -> [String: InferenceRule] {
        var rules = family(
            [
                "Abs", "Acos", "Acosh", "Asin", "Asinh", "Atan", "Atanh", "BitwiseNot", "Ceil", "Celu", "Clip", "Cos", "Cosh", "Elu", "Erf",
                "Exp", "Floor", "Gelu", "HardSigmoid", "HardSwish", "Hardmax", "Identity", "LeakyRelu", "Log", "LogSoftmax", "Mish", "Neg",
                "Not", "PRelu", "Reciprocal", "Relu", "Round", "Selu", "Shrink", "Sigmoid", "Sign", "Sin", "Sinh", "Softmax", "Softplus",
                "Softsign", "Sqrt", "Swish", "Tan", "Tanh", "ThresholdedRelu", "CumSum", "CumProd", "Trilu", "LpNormalization",
                "MeanVarianceNormalization", "LRN", "ScatterElements", "ScatterND", "Scatter", "ReverseSequence", "TensorScatter",
                "RotaryEmbedding",
            ], sameAsFirst)
        for name in [
            "Add", "Sub", "Mul", "Div", "Pow", "Mod", "BitShift", "BitwiseAnd", "BitwiseOr", "BitwiseXor", "Max", "Min", "Sum", "Mean",
            "SwiGLU",
        ] { rules[name] = broadcasting }
        for name in ["And", "Or", "Xor", "Equal", "Greater", "GreaterOrEqual", "Less", "LessOrEqual"] { rules[name] = comparison }
        for name in ["IsNaN", "IsInf"] { rules[name] = test }
        for name in ["Cast", "BitCast"] { rules[name] = cast }
        return rules.merging(irregular) { first, _ in first }
    }

    private static let irregular: [String: InferenceRule] = [
        "CastLike": { (node) throws(ONNXError) in [.tensor(node.type(1), node.extents(0))] },
        "Where": { (node) throws(ONNXError) in [.tensor(node.type(1) ?? node.type(2), try node.broadcast(0..<3))] },
        "Dropout": { (node) throws(ONNXError) in
            [node.input(0), .tensor(node.version < 10 ? node.type(0) : .bool, node.extents(0))]
        },
    ]

    private static let test: InferenceRule = { (node) throws(ONNXError) in [.tensor(.bool, node.extents(0))] }

    private static let cast: InferenceRule = { (node) throws(ONNXError) in [.tensor(node.elementType("to"), node.extents(0))] }

    static let sameAsFirst: InferenceRule = { (node) throws(ONNXError) in [node.input(0)] }

    private static let broadcasting: InferenceRule = { (node) throws(ONNXError) in
        [.tensor(node.type(0) ?? node.type(1), try broadcastExtents(node))]
    }

    private static let comparison: InferenceRule = { (node) throws(ONNXError) in [.tensor(.bool, try broadcastExtents(node))] }

    /// Returns the extents of the result. Before version 7 the second shape had to fit into the first (version 8 for the variadic ones).
    private static func broadcastExtents(_ node: InferenceNode) throws(ONNXError) -> [Dimension]? {
        node.version < 7 ? node.extents(0) : try node.broadcast(node.node.inputs.indices)
    }
}
