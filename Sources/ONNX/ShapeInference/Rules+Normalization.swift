import Tensors

extension InferenceRules {
    static let normalization: [String: InferenceRule] = [
        "BatchNormalization": { (node) throws(ONNXError) in
            let channels = node.extents(0).flatMap { $0.count > 1 ? $0[1] : nil } ?? .unknown
            let statistic = ValueType.tensor(node.type(3) ?? node.type(0), [channels])
            return [node.input(0)] + [ValueType?](repeating: statistic, count: max(0, node.outputCount - 1))
        },
        "LayerNormalization": { (node) throws(ONNXError) in
            let type = node.elementType("stash_type") ?? .float32
            guard let input = node.extents(0) else { return [node.input(0), .tensor(type, nil), .tensor(type, nil)] }
            let axis = try node.axis(node.int("axis", default: -1), rank: input.count)
            let statistic = ValueType.tensor(type, input.enumerated().map { $0.offset < axis ? $0.element : .fixed(1) })
            return [node.input(0), statistic, statistic]
        },
        "RMSNormalization": sameAsFirst, "SimplifiedLayerNormalization": sameAsFirst, "InstanceNormalization": sameAsFirst,
        "GroupNormalization": sameAsFirst,
    ]

    static let quantization: [String: InferenceRule] = [
        "QuantizeLinear": { (node) throws(ONNXError) in
            [.tensor(node.elementType("output_dtype") ?? (node.isGiven(2) ? node.type(2) : .uint8), node.extents(0))]
        },
        "DequantizeLinear": { (node) throws(ONNXError) in
            [.tensor(node.elementType("output_dtype") ?? (node.version < 19 ? .float32 : node.type(1)), node.extents(0))]
        },
        "DynamicQuantizeLinear": { (node) throws(ONNXError) in
            [.tensor(.uint8, node.extents(0)), .tensor(.float32, []), .tensor(.uint8, [])]
        },
    ]

    /// The rules of recurrent operators, with `[sequence, batch, input]` by default, and `[batch, sequence, input]` with `layout` 1 (ONNX
    /// operator LSTM-14).
    static let recurrent: [String: InferenceRule] = family(["RNN", "GRU", "LSTM"]) { (node) throws(ONNXError) in
        let isBatchFirst = node.int("layout", default: 0) != 0
        let input = node.extents(0)
        if let input, input.count != 3 { throw node.invalid("its input has rank \(input.count), not 3") }
        let sequence = input?[isBatchFirst ? 1 : 0] ?? .unknown
        let batch = input?[isBatchFirst ? 0 : 1] ?? .unknown
        let hidden = node.int("hidden_size").map(Dimension.fixed) ?? node.extents(2)?.last ?? .unknown
        let directions = Dimension.fixed(node.string("direction") == "bidirectional" ? 2 : 1)
        let all: [Dimension] = isBatchFirst ? [batch, sequence, directions, hidden] : [sequence, directions, batch, hidden]
        let last: [Dimension] = isBatchFirst ? [batch, directions, hidden] : [directions, batch, hidden]
        let state = ValueType.tensor(node.type(0), last)
        return [.tensor(node.type(0), all), state, state]
    }
}
