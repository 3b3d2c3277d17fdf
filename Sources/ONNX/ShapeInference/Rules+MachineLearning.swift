import Tensors

extension InferenceRules {
    /// The rules of the domain `ai.onnx.ml`, whose inputs are `[N, C]` or `[C]`, with one row each.
    static let machineLearning: [String: InferenceRule] = [
        "Scaler": { (node) throws(ONNXError) in [.tensor(.float32, node.extents(0))] },
        "Normalizer": { (node) throws(ONNXError) in [.tensor(.float32, node.extents(0))] },
        "Imputer": sameAsFirst, "Binarizer": sameAsFirst,
        "LabelEncoder": { (node) throws(ONNXError) in [.tensor(encoded(node), node.extents(0))] },
        "CategoryMapper": { (node) throws(ONNXError) in [.tensor(node.type(0).map { $0 == .string ? .int64 : .string }, node.extents(0))] },
        "OneHotEncoder": { (node) throws(ONNXError) in
            let categories = node.ints("cats_int64s")?.count ?? node.node.attribute("cats_strings")?.strings?.count
            return [.tensor(.float32, node.extents(0).map { $0 + [categories.map(Dimension.fixed) ?? .unknown] })]
        },
        "ArrayFeatureExtractor": { (node) throws(ONNXError) in
            guard let input = node.extents(0) else { return [.tensor(node.type(0), nil)] }
            let rows: [Dimension] = input.count > 1 ? Array(input.dropLast()) : [.fixed(1)]
            return [.tensor(node.type(0), rows + [node.extents(1).map(\.product) ?? .unknown])]
        },
        "FeatureVectorizer": { (node) throws(ONNXError) in
            let columns = node.ints("inputdimensions")?.map(Dimension.fixed).reduce(.fixed(0), +)
            return [.tensor(.float32, [rows(node), columns ?? .unknown])]
        },
        "DictVectorizer": { (node) throws(ONNXError) in
            let columns = node.node.attribute("string_vocabulary")?.strings?.count ?? node.ints("int64_vocabulary")?.count
            guard case .map(_, let value)? = node.input(0) else { return [nil] }
            return [.tensor(value?.elementType, [.fixed(1), columns.map(Dimension.fixed) ?? .unknown])]
        },
        "LinearRegressor": regressor("targets"), "SVMRegressor": regressor(nil), "TreeEnsembleRegressor": regressor("n_targets"),
        "TreeEnsemble": { (node) throws(ONNXError) in
            [.tensor(node.type(0), [rows(node), node.int("n_targets").map(Dimension.fixed) ?? .unknown])]
        },
        "LinearClassifier": classifier(["classlabels_strings"], ["classlabels_ints"]),
        "SVMClassifier": classifier(["classlabels_strings"], ["classlabels_ints"]),
        "TreeEnsembleClassifier": classifier(["classlabels_strings"], ["classlabels_int64s"]),
        "ZipMap": { (node) throws(ONNXError) in
            let key: ElementType = node.node.attribute("classlabels_strings") != nil ? .string : .int64
            return [.sequence(.map(key: key, value: .tensor(.float32, [])))]
        },
    ]

    private static func rows(_ node: InferenceNode) -> Dimension {
        guard let extents = node.extents(0) else { return .unknown }
        return extents.count > 1 ? extents[0] : .fixed(1)
    }

    private static func regressor(_ targets: String?) -> InferenceRule {
        { (node) throws(ONNXError) in
            [.tensor(.float32, [rows(node), .fixed(targets.map { node.int($0, default: 1) } ?? 1)])]
        }
    }

    /// Returns a rule that gives labels `[N]` and scores `[N, classes]`.
    private static func classifier(_ strings: [String], _ integers: [String]) -> InferenceRule {
        { (node) throws(ONNXError) in
            let names = strings.lazy.compactMap { node.node.attribute($0)?.strings }.first { !$0.isEmpty }
            let numbers = integers.lazy.compactMap { node.ints($0) }.first { !$0.isEmpty }
            let classes = (names?.count ?? numbers?.count).map(Dimension.fixed) ?? .unknown
            return [.tensor(names != nil ? .string : .int64, [rows(node)]), .tensor(.float32, [rows(node), classes])]
        }
    }

    private static func encoded(_ node: InferenceNode) -> ElementType? {
        for (name, type) in [("values_strings", ElementType.string), ("values_int64s", .int64), ("values_floats", .float32)]
        where node.node.attribute(name) != nil { return type }
        if let tensor = node.node.attribute("values_tensor")?.tensor { return tensor.elementType }
        // Version 1 maps strings to integers and back.
        return node.type(0).map { $0 == .string ? .int64 : .string }
    }
}
