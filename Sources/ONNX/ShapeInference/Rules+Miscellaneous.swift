import Tensors

extension InferenceRules {
    static let miscellaneous: [String: InferenceRule] = [
        "SoftmaxCrossEntropyLoss": { (node) throws(ONNXError) in
            [.tensor(node.type(0), loss(node)), .tensor(node.type(0), node.extents(0))]
        },
        "NegativeLogLikelihoodLoss": { (node) throws(ONNXError) in [.tensor(node.type(0), loss(node))] },
        "Attention": { (node) throws(ONNXError) in try attention(node) },
        // Queries are `[B, T, heads * width]`, values `[B, T, shared * width]`; the state is `[B, shared, key width, value width]`.
        "LinearAttention": { (node) throws(ONNXError) in
            guard let heads = node.int("q_num_heads"), let shared = node.int("kv_num_heads") else { return [.tensor(node.type(0), nil)] }
            let batch = node.extent(0, axis: 0)
            let keys = node.extent(1, axis: 2) / .fixed(shared)
            let values = node.extent(2, axis: 2) / .fixed(shared)
            return [
                .tensor(node.type(0), [batch, node.extent(0, axis: 1), values * .fixed(heads)]),
                .tensor(node.type(3) ?? node.type(0), [batch, .fixed(shared), keys, values]),
            ]
        },
        // The input is `[N, C, L]`, the weight `[C, 1, k]`; the state holds the last k - 1 steps.
        "CausalConvWithState": { (node) throws(ONNXError) in
            let state = [node.extent(0, axis: 0), node.extent(0, axis: 1), node.extent(1, axis: 2) - .fixed(1)]
            return [node.input(0), .tensor(node.type(0), state)]
        },
        "AffineGrid": { (node) throws(ONNXError) in
            guard let size = node.content(1), size.count >= 3 else { return [.tensor(node.type(0), nil)] }
            return [.tensor(node.type(0), [size[0]] + size[2...] + [.fixed(size.count - 2)])]
        },
        "StringNormalizer": { (node) throws(ONNXError) in [.tensor(.string, node.extents(0).map { $0.map { _ in .unknown } })] },
        "StringConcat": { (node) throws(ONNXError) in [.tensor(.string, try node.broadcast(0..<2))] },
        "StringSplit": { (node) throws(ONNXError) in
            [.tensor(.string, node.extents(0).map { $0 + [.unknown] }), .tensor(.int64, node.extents(0))]
        },
        "RegexFullMatch": { (node) throws(ONNXError) in [.tensor(.bool, node.extents(0))] },
        "TfIdfVectorizer": { (node) throws(ONNXError) in
            guard let input = node.extents(0), let columns = node.ints("ngram_indexes")?.max() else { return [.tensor(.float32, nil)] }
            return [.tensor(.float32, input.dropLast() + [.fixed(columns) + .fixed(1)])]
        },
        "ImageDecoder": { (node) throws(ONNXError) in [.tensor(.uint8, [.unknown, .unknown, .unknown])] },
        "DFT": { (node) throws(ONNXError) in try fourier(node) },
        "STFT": { (node) throws(ONNXError) in [.tensor(node.type(0), [node.extents(0)?.first ?? .unknown, .unknown, .unknown, .fixed(2)])]
        },
        "MelWeightMatrix": { (node) throws(ONNXError) in
            let bins = node.numbers(1)?.first.map { Dimension.fixed($0 / 2 + 1) } ?? .unknown
            return [.tensor(node.elementType("output_datatype") ?? .float32, [bins, node.content(0)?.first ?? .unknown])]
        },
    ]

    static let preview: [String: InferenceRule] = [
        "FlexAttention": { (node) throws(ONNXError) in
            let query = (0..<3).map { node.extent(0, axis: $0) }
            return [.tensor(node.type(0), query + [node.extent(2, axis: 3)])]
        }
    ]

    private static func loss(_ node: InferenceNode) -> [Dimension]? {
        (node.string("reduction") ?? "mean") == "none" ? node.extents(1) : []
    }

    /// Returns the types for queries `[N, heads, sequence, width]`, or `[N, sequence, heads * width]` with the head counts given (ONNX
    /// operator Attention-23).
    private static func attention(_ node: InferenceNode) throws(ONNXError) -> [ValueType?] {
        let open = [ValueType?](repeating: .tensor(node.type(0), nil), count: 4)
        guard let query = node.extents(0), let key = node.extents(1), let value = node.extents(2) else { return open }
        if query.count == 4, key.count == 4, value.count == 4 {
            let past = node.isGiven(4) ? node.extent(4, axis: 2) : .fixed(0)
            let total = past + key[2]
            return [
                .tensor(node.type(0), [query[0], query[1], query[2], value[3]]),
                .tensor(node.type(1), [key[0], key[1], total, key[3]]),
                .tensor(node.type(2), [value[0], value[1], total, value[3]]),
                .tensor(node.type(0), [query[0], query[1], query[2], total]),
            ]
        }
        guard query.count == 3, key.count == 3, value.count == 3, let heads = node.int("q_num_heads"), let shared = node.int("kv_num_heads")
        else {
            return open
        }
        let past = node.isGiven(4) ? node.extent(4, axis: 2) : .fixed(0)
        let total = past + key[1]
        return [
            .tensor(node.type(0), [query[0], query[1], value[2] / .fixed(shared) * .fixed(heads)]),
            .tensor(node.type(1), [key[0], .fixed(shared), total, key[2] / .fixed(shared)]),
            .tensor(node.type(2), [value[0], .fixed(shared), total, value[2] / .fixed(shared)]),
            .tensor(node.type(0), [query[0], .fixed(heads), query[1], total]),
        ]
    }

    private static func fourier(_ node: InferenceNode) throws(ONNXError) -> [ValueType?] {
        guard var extents = node.extents(0), extents.count >= 2 else { return [.tensor(node.type(0), nil)] }
        var given: Int? = -2
        if node.version < 20 { given = node.int("axis", default: 1) } else if node.isGiven(2) { given = node.numbers(2)?.first }
        extents[extents.count - 1] = .fixed(2)
        guard let given else { return [.tensor(node.type(0), extents.map { _ in .unknown })] }
        let axis = try node.axis(given, rank: extents.count)
        if node.isGiven(1) { extents[axis] = node.content(1)?.first ?? .unknown }
        if node.int("onesided", default: 0) != 0 {
            if node.int("inverse", default: 0) != 0 { return [.tensor(node.type(0), extents.map { _ in .unknown })] }
            extents[axis] = extents[axis].value.map { .fixed($0 / 2 + 1) } ?? .unknown
        }
        return [.tensor(node.type(0), extents)]
    }
}
