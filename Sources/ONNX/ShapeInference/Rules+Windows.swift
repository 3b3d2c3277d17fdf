import Tensors

extension InferenceRules {
    /// The rules of convolutions and pools, on `[N, C, D1, ..., Dn]`.
    static let windows: [String: InferenceRule] = [
        "Conv": { (node) throws(ONNXError) in [.tensor(node.type(0), try convolution(node, weight: 1))] },
        "ConvInteger": { (node) throws(ONNXError) in [.tensor(.int32, try convolution(node, weight: 1))] },
        "QLinearConv": { (node) throws(ONNXError) in [.tensor(node.type(7), try convolution(node, weight: 3))] },
        "DeformConv": { (node) throws(ONNXError) in [.tensor(node.type(0), try convolution(node, weight: 1))] },
        "ConvTranspose": { (node) throws(ONNXError) in [.tensor(node.type(0), try transposedConvolution(node))] },
        "MaxPool": { (node) throws(ONNXError) in
            let extents = try pool(node)
            return [.tensor(node.type(0), extents), .tensor(.int64, extents)]
        },
        "AveragePool": { (node) throws(ONNXError) in [.tensor(node.type(0), try pool(node))] },
        "LpPool": { (node) throws(ONNXError) in [.tensor(node.type(0), try pool(node))] },
        "GlobalAveragePool": globalPool, "GlobalMaxPool": globalPool, "GlobalLpPool": globalPool,
        "MaxRoiPool": { (node) throws(ONNXError) in
            guard let pooled = node.ints("pooled_shape") else { throw node.invalid("it has no pooled_shape") }
            return [.tensor(node.type(0), [node.extents(1)?.first ?? .unknown, channel(node)] + pooled.map(Dimension.fixed))]
        },
        "RoiAlign": { (node) throws(ONNXError) in
            let size = [node.int("output_height", default: 1), node.int("output_width", default: 1)]
            return [.tensor(node.type(0), [node.extents(1)?.first ?? .unknown, channel(node)] + size.map(Dimension.fixed))]
        },
        "MaxUnpool": { (node) throws(ONNXError) in
            if node.isGiven(2) {
                let rank = node.extents(0)?.count
                return [.tensor(node.type(0), node.content(2) ?? rank.map { [Dimension](repeating: .unknown, count: $0) })]
            }
            guard let input = node.extents(0), let kernel = node.ints("kernel_shape"), input.count == kernel.count + 2 else {
                return [.tensor(node.type(0), nil)]
            }
            let strides = node.ints("strides") ?? kernel.map { _ in 1 }
            let pads = node.ints("pads") ?? kernel.flatMap { _ in [0, 0] }
            guard strides.count == kernel.count, pads.count == 2 * kernel.count else {
                throw node.invalid("strides or pads do not fit the kernel")
            }
            let spatial = kernel.indices.map { axis -> Dimension in
                let whole = (input[axis + 2] - .fixed(1)) * .fixed(strides[axis]) + .fixed(kernel[axis])
                return whole - .fixed(pads[axis]) - .fixed(pads[axis + kernel.count])
            }
            return [.tensor(node.type(0), Array(input[..<2]) + spatial)]
        },
        "GridSample": { (node) throws(ONNXError) in
            guard let input = node.extents(0), let grid = node.extents(1), input.count >= 3, grid.count == input.count else {
                return [.tensor(node.type(0), node.extents(0).map { $0.map { _ in .unknown } })]
            }
            return [.tensor(node.type(0), Array(input[..<2]) + Array(grid[1..<(grid.count - 1)]))]
        },
        "Col2Im": { (node) throws(ONNXError) in
            guard let input = node.extents(0), input.count == 3, let image = node.content(1) else { return [.tensor(node.type(0), nil)] }
            let block = node.content(2)?.product ?? .unknown
            return [.tensor(node.type(0), [input[0], input[1] / block] + image)]
        },
    ]

    private static func channel(_ node: InferenceNode) -> Dimension {
        node.extents(0).flatMap { $0.count > 1 ? $0[1] : nil } ?? .unknown
    }

    private static let globalPool: InferenceRule = { (node) throws(ONNXError) in
        guard let input = node.extents(0) else { return [.tensor(node.type(0), nil)] }
        try node.require(rank: 2, input, "the input")
        return [.tensor(node.type(0), Array(input[..<2]) + input.dropFirst(2).map { _ in .fixed(1) })]
    }

    private static func convolution(_ node: InferenceNode, weight: Int) throws(ONNXError) -> [Dimension]? {
        guard let input = node.extents(0) else { return nil }
        try node.require(rank: 3, input, "the input")
        let rank = input.count - 2
        guard let filter = node.extents(weight) else { return [input[0]] + [Dimension](repeating: .unknown, count: rank + 1) }
        guard filter.count == input.count else { throw node.invalid("the input has rank \(input.count), the weight \(filter.count)") }
        let groups = node.int("group", default: 1)
        _ = try node.merge(input[1], filter[1] * .fixed(groups), "the input's channels do not fit the weight's")
        let kernel = node.ints("kernel_shape")?.map(Dimension.fixed) ?? Array(filter[2...])
        return [input[0], filter[0]] + (try slide(node, Array(input[2...]), kernel: kernel))
    }

    private static func pool(_ node: InferenceNode) throws(ONNXError) -> [Dimension]? {
        guard let input = node.extents(0) else { return nil }
        guard let kernel = node.ints("kernel_shape") else { throw node.invalid("it has no kernel_shape") }
        try node.require(rank: 2, input, "the input")
        return Array(input[..<2]) + (try slide(node, Array(input[2...]), kernel: kernel.map(Dimension.fixed)))
    }

    /// Returns how often a window fits on each axis: strides, pads, dilations, `auto_pad`, `ceil_mode` (ONNX operators Conv-11,
    /// MaxPool-12).
    private static func slide(_ node: InferenceNode, _ input: [Dimension], kernel: [Dimension]) throws(ONNXError) -> [Dimension] {
        let rank = input.count
        let strides = node.ints("strides") ?? [Int](repeating: 1, count: rank)
        let dilations = node.ints("dilations") ?? [Int](repeating: 1, count: rank)
        let pads = node.ints("pads") ?? [Int](repeating: 0, count: 2 * rank)
        guard kernel.count == rank, strides.count == rank, dilations.count == rank, pads.count == 2 * rank else {
            throw node.invalid("kernel, strides, dilations or pads do not fit \(rank) axes")
        }
        let padding = node.string("auto_pad") ?? "NOTSET"
        let roundsUp = node.int("ceil_mode", default: 0) != 0
        var result: [Dimension] = []
        for axis in 0..<rank {
            guard strides[axis] > 0, dilations[axis] > 0 else { throw node.invalid("strides and dilations must be positive") }
            let numbers = [input[axis].value ?? 0, kernel[axis].value ?? 0, strides[axis], dilations[axis], pads[axis], pads[axis + rank]]
            guard numbers.allSatisfy({ $0.magnitude < 1 << 30 }) else { throw node.invalid("a window, stride or pad is absurdly large") }
            guard let extent = input[axis].value, let size = kernel[axis].value else {
                // Without the extent, only one case is certain: a window that keeps every extent.
                let keeps = kernel[axis] == .fixed(1) && strides[axis] == 1 && pads[axis] == 0 && pads[axis + rank] == 0
                let same = padding.hasPrefix("SAME") && strides[axis] == 1
                result.append(keeps || same ? input[axis] : .unknown)
                continue
            }
            let reach = (size - 1) * dilations[axis] + 1
            let stride = strides[axis]
            if padding.hasPrefix("SAME") {
                result.append(.fixed((extent + stride - 1) / stride))
                continue
            }
            let total = padding == "VALID" ? extent : extent + pads[axis] + pads[axis + rank]
            guard size > 0, total >= reach else {
                throw node.invalid("a window of \(reach) does not fit into \(total) on axis \(axis + 2)")
            }
            var count = (total - reach) / stride + 1
            if roundsUp && (total - reach) % stride != 0 {
                // A window that would start in the padding after the input is left out.
                if count * stride < extent + (padding == "VALID" ? 0 : pads[axis]) { count += 1 }
            }
            result.append(.fixed(count))
        }
        return result
    }

    private static func transposedConvolution(_ node: InferenceNode) throws(ONNXError) -> [Dimension]? {
        guard let input = node.extents(0) else { return nil }
        try node.require(rank: 3, input, "the input")
        let rank = input.count - 2
        guard let filter = node.extents(1) else { return [input[0]] + [Dimension](repeating: .unknown, count: rank + 1) }
        guard filter.count == input.count else { throw node.invalid("the input has rank \(input.count), the weight \(filter.count)") }
        _ = try node.merge(input[1], filter[0], "the input's channels do not fit the weight's")
        let head = [input[0], filter[1] * .fixed(node.int("group", default: 1))]
        if let shape = node.ints("output_shape") {
            let spatial = shape.count == rank + 2 ? Array(shape.dropFirst(2)) : shape
            guard spatial.count == rank else { throw node.invalid("output_shape does not fit \(rank) axes") }
            return head + spatial.map(Dimension.fixed)
        }
        let kernel = node.ints("kernel_shape")?.map(Dimension.fixed) ?? Array(filter[2...])
        let strides = node.ints("strides") ?? [Int](repeating: 1, count: rank)
        let dilations = node.ints("dilations") ?? [Int](repeating: 1, count: rank)
        let pads = node.ints("pads") ?? [Int](repeating: 0, count: 2 * rank)
        let extra = node.ints("output_padding") ?? [Int](repeating: 0, count: rank)
        guard kernel.count == rank, strides.count == rank, dilations.count == rank, pads.count == 2 * rank, extra.count == rank else {
            throw node.invalid("kernel, strides, dilations or pads do not fit \(rank) axes")
        }
        let isSame = node.string("auto_pad")?.hasPrefix("SAME") ?? false
        return head
            + (0..<rank).map { axis in
                if isSame { return input[axis + 2] * .fixed(strides[axis]) }
                let reach = (kernel[axis] - .fixed(1)) * .fixed(dilations[axis]) + .fixed(1)
                let whole = .fixed(strides[axis]) * (input[axis + 2] - .fixed(1)) + .fixed(extra[axis]) + reach
                return whole - .fixed(pads[axis]) - .fixed(pads[axis + rank])
            }
    }
}
