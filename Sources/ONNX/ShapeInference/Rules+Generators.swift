import Tensors

extension InferenceRules {
    static let generators: [String: InferenceRule] = [
        "Constant": { (node) throws(ONNXError) in
            guard let attribute = node.node.attributes.first else { throw node.invalid("it has no value") }
            switch attribute.value {
            case .tensor(let tensor): return [.tensor(tensor.elementType, tensor.shape.dimensions.map(Dimension.fixed))]
            case .sparseTensor(let sparse): return [.tensor(sparse.values.elementType, sparse.shape.dimensions.map(Dimension.fixed))]
            case .float: return [.tensor(.float32, [])]
            case .int: return [.tensor(.int64, [])]
            case .string: return [.tensor(.string, [])]
            case .floats(let values): return [.tensor(.float32, [.fixed(values.count)])]
            case .ints(let values): return [.tensor(.int64, [.fixed(values.count)])]
            case .strings(let values): return [.tensor(.string, [.fixed(values.count)])]
            default: return [nil]
            }
        },
        "ConstantOfShape": { (node) throws(ONNXError) in
            let type = node.node.attribute("value").map { $0.tensor?.elementType } ?? .float32
            return [.tensor(type, shapeFromContent(node, 0))]
        },
        "Shape": { (node) throws(ONNXError) in
            [.tensor(.int64, [node.extents(0).map { .fixed(ContentRules.shapeRange(node, rank: $0.count).count) } ?? .unknown])]
        },
        "Size": { (node) throws(ONNXError) in [.tensor(.int64, [])] },
        "Range": { (node) throws(ONNXError) in
            var extent = Dimension.unknown
            if let start = node.numbers(0)?.first, let limit = node.numbers(1)?.first, let step = node.numbers(2)?.first, step != 0 {
                let (span, overflow) = limit.subtractingReportingOverflow(start)
                if !overflow { extent = Int(exactly: (Double(span) / Double(step)).rounded(.up)).map { .fixed(max(0, $0)) } ?? .unknown }
            }
            return [.tensor(node.type(0), [extent])]
        },
        "EyeLike": { (node) throws(ONNXError) in [.tensor(node.elementType("dtype") ?? node.type(0), node.extents(0))] },
        "RandomNormal": { (node) throws(ONNXError) in random(node, node.ints("shape").map { $0.map(Dimension.fixed) }) },
        "RandomUniform": { (node) throws(ONNXError) in random(node, node.ints("shape").map { $0.map(Dimension.fixed) }) },
        "RandomNormalLike": { (node) throws(ONNXError) in [.tensor(node.elementType("dtype") ?? node.type(0), node.extents(0))] },
        "RandomUniformLike": { (node) throws(ONNXError) in [.tensor(node.elementType("dtype") ?? node.type(0), node.extents(0))] },
        "Bernoulli": { (node) throws(ONNXError) in [.tensor(node.elementType("dtype") ?? node.type(0), node.extents(0))] },
        "Multinomial": { (node) throws(ONNXError) in
            [
                .tensor(
                    node.elementType("dtype") ?? .int32, [node.extents(0)?.first ?? .unknown, .fixed(node.int("sample_size", default: 1))])
            ]
        },
        "BlackmanWindow": window, "HannWindow": window, "HammingWindow": window,
    ]

    private static func random(_ node: InferenceNode, _ extents: [Dimension]?) -> [ValueType?] {
        [.tensor(node.elementType("dtype") ?? .float32, extents)]
    }

    private static let window: InferenceRule = { (node) throws(ONNXError) in
        [.tensor(node.elementType("output_datatype") ?? .float32, [node.content(0)?.first ?? .unknown])]
    }

    /// Returns the shape that an input holds; at least its rank, where the input's length is known.
    static func shapeFromContent(_ node: InferenceNode, _ input: Int) -> [Dimension]? {
        if let content = node.content(input) { return content.map { ($0.value ?? 0) < 0 ? .unknown : $0 } }
        guard let rank = node.extents(input)?.first?.value, (0...64).contains(rank) else { return nil }
        return [Dimension](repeating: .unknown, count: rank)
    }
}
