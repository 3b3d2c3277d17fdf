import ONNX
import Passes

/// Every operator and what becomes of a gradient that reaches it: a rule, silence, or a refusal with its reason.
enum RuleTable {
    static let rules: [String: GradientRule] = merged(
        arithmetic, activations, products, Convolution.rules, pooling, normalization, layout, indexing, reductions, losses,
        Scattering.rules, Recurrent.rules)

    /// Operators whose inputs broadcast against each other: the driver sums their cotangents down to each input's shape.
    static let broadcasting: Set<String> = [
        "Add", "Sub", "Mul", "Div", "Pow", "Where", "Max", "Min", "Sum", "Mean", "PRelu", "Expand", "Clip", "Mod",
    ]

    static func rule(for node: Node) throws(AutodiffError) -> GradientRule {
        if canonicalDomain(node.domain).isEmpty, let rule = rules[node.operatorType] { return rule }
        throw .noRule(node: node.place, operatorType: node.qualifiedType, path: [], reason: Refusals.reason(node))
    }

    static func broadcasts(_ node: Node) -> Bool { broadcasting.contains(node.operatorType) }

    /// Whether an operator's outputs are constant almost everywhere, or no numbers at all.
    static func stops(_ node: Node) -> Bool {
        switch canonicalDomain(node.domain) {
        case "": ZeroGradient.operators.contains(node.operatorType)
        case LowerClassicOperators.domain: ZeroGradient.classicOperators.contains(node.operatorType)
        default: false
        }
    }

    static func inputsWithoutGradient(_ node: Node) -> Set<Int> {
        // Running statistics only go into the next running statistics.
        if node.operatorType == "BatchNormalization", node.attribute("training_mode")?.int == 1,
            node.outputs.dropFirst().allSatisfy(\.isEmpty)
        {
            return [3, 4]
        }
        return ZeroGradient.inputs[node.operatorType] ?? []
    }

    private static func merged(_ families: [String: GradientRule]...) -> [String: GradientRule] {
        families.reduce(into: [:]) { table, family in
            table.merge(family) { _, _ in preconditionFailure("an operator has two gradient rules") }
        }
    }
}

/// Where a gradient ends without anything being said.
enum ZeroGradient {
    static let operators: Set<String> = [
        "Shape", "Size", "Constant", "ConstantOfShape", "Range", "EyeLike", "Floor", "Ceil", "Round", "Sign", "Equal", "Greater",
        "GreaterOrEqual", "Less", "LessOrEqual", "And", "Or", "Xor", "Not", "BitShift", "BitwiseAnd", "BitwiseOr", "BitwiseXor",
        "BitwiseNot",
        "ArgMax", "ArgMin", "NonZero", "IsNaN", "IsInf", "OneHot", "Unique", "Hardmax", "NonMaxSuppression", "QuantizeLinear",
        "DequantizeLinear", "DynamicQuantizeLinear", "RandomNormal", "RandomUniform", "RandomNormalLike", "RandomUniformLike", "Bernoulli",
        "Multinomial", "BlackmanWindow", "HannWindow", "HammingWindow", "MelWeightMatrix",
    ]

    /// These operators of `ai.onnx.ml` look values up and give codes or texts.
    static let classicOperators: Set<String> = ["LabelEncoder", "OneHotEncoder", "CategoryMapper", "DictVectorizer", "CastMap", "Binarizer"]

    /// Inputs that say how, not what: shapes, axes, ratios, class weights, tables of angles.
    static let inputs: [String: Set<Int>] = [
        "Reshape": [1], "Expand": [1], "Squeeze": [1], "Unsqueeze": [1], "Dropout": [1, 2], "Resize": [1, 2, 3], "CumSum": [1],
        "CumProd": [1], "Tile": [1],
        "SoftmaxCrossEntropyLoss": [2], "NegativeLogLikelihoodLoss": [2],
        "RotaryEmbedding": [1, 2], "CastLike": [1],
    ]
}

/// Why an operator has no rule, and with it no gradient.
enum Refusals {
    static func reason(_ node: Node) -> String {
        let domain = canonicalDomain(node.domain)
        guard domain.isEmpty else {
            if domain == LowerClassicOperators.domain {
                return "no gradient of this form of it is known here: those of linear models and trees, Scaler, Imputer, Normalizer, "
                    + "FeatureVectorizer and ArrayFeatureExtractor are"
            }
            return domain == "com.microsoft"
                ? "it is a fused operator of ONNX Runtime's own: differentiate the model from before that optimization"
                : domain.hasPrefix("ai.onnx") ? "operators of \(domain) are not differentiated" : "nothing is known of the domain \(domain)"
        }
        if let reason = reasons[node.operatorType] { return reason }
        for (word, reason) in families where node.operatorType.contains(word) { return reason }
        return "no rule is known for it"
    }

    private static let families = [
        ("Sequence", "sequences are not differentiated"), ("Optional", "optional values are not differentiated"),
        ("String", "texts are not differentiated"), ("Random", "it is random"),
    ]

    private static let reasons: [String: String] = [
        "Loop": "how often it runs is only known when it does, and what it computed on the way is not kept",
        "Scan": "what it trains lies inside its body, which is not differentiated",
        "DFT": "Fourier transforms are not differentiated", "STFT": "Fourier transforms are not differentiated",
        "DeformConv": "no gradient of it in standard operators is known here",
        "RoiAlign": "no gradient of it in standard operators is known here",
        "MaxRoiPool": "no gradient of it in standard operators is known here",
    ]
}
