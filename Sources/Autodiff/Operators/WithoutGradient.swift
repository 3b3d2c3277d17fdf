import ONNX
import Passes

extension OperatorTable {
    /// The operators whose outputs are constant almost everywhere, or are no numbers.
    static let withoutGradient: [OperatorGradient] =
        [.zero("IsNaN", .expectsNaN)]
        + [
            "Shape", "Size", "Constant", "ConstantOfShape", "Range", "EyeLike", "Floor", "Ceil", "Round", "Sign", "Equal", "Greater",
            "GreaterOrEqual", "Less", "LessOrEqual", "And", "Or", "Xor", "Not", "BitShift", "BitwiseAnd", "BitwiseOr", "BitwiseXor",
            "BitwiseNot", "ArgMax", "ArgMin", "NonZero", "IsInf", "OneHot", "Unique", "Hardmax", "NonMaxSuppression", "QuantizeLinear",
            "DequantizeLinear", "DynamicQuantizeLinear", "RandomNormal", "RandomUniform", "RandomNormalLike", "RandomUniformLike",
            "Bernoulli", "Multinomial", "BlackmanWindow", "HannWindow", "HammingWindow", "MelWeightMatrix",
        ].map { .zero($0) }
        // These look values up and give codes or texts.
        + ["LabelEncoder", "OneHotEncoder", "CategoryMapper", "DictVectorizer", "CastMap", "Binarizer"].map {
            .zero(LowerClassicOperators.domain + "." + $0)
        }

    /// The operators without a rule: If, whose branches the walk differentiates, and operators that are refused for a reason of their own.
    static let withoutRule: [OperatorGradient] = [
        .branches("If"),
        .refused("Loop", "how often it runs is only known when it does, and what it computed on the way is not kept"),
        .refused("Scan", "what it trains lies inside its body, which is not differentiated"),
        .refused("DFT", "Fourier transforms are not differentiated"), .refused("STFT", "Fourier transforms are not differentiated"),
        .refused("DeformConv", weights: [1, 3], "no gradient of it in standard operators is known here"),
        .refused("RoiAlign", "no gradient of it in standard operators is known here"),
        .refused("MaxRoiPool", "no gradient of it in standard operators is known here"),
    ]
}
