import Tensors

extension InferenceRules {
    /// The rules of operators that move elements without changing them.
    static let layout: [String: InferenceRule] = [
        "Reshape": { (node) throws(ONNXError) in [.tensor(node.type(0), try reshaped(node))] },
        "Transpose": { (node) throws(ONNXError) in
            guard let input = node.extents(0) else { return [.tensor(node.type(0), node.ints("perm").map { $0.map { _ in .unknown } })] }
            let order = node.ints("perm") ?? Array(input.indices.reversed())
            guard order.sorted() == Array(input.indices) else {
                throw node.invalid("perm \(order) is no permutation of \(input.count) axes")
            }
            return [.tensor(node.type(0), order.map { input[$0] })]
        },
        "Flatten": { (node) throws(ONNXError) in
            guard let input = node.extents(0) else { return [.tensor(node.type(0), [.unknown, .unknown])] }
            let given = node.int("axis", default: 1)
            let axis = given < 0 ? given + input.count : given
            guard (0...input.count).contains(axis) else { throw node.invalid("axis \(given) does not exist in rank \(input.count)") }
            return [.tensor(node.type(0), [Array(input[..<axis]).product, Array(input[axis...]).product])]
        },
        "Squeeze": { (node) throws(ONNXError) in [.tensor(node.type(0), try squeezed(node))] },
        "Unsqueeze": { (node) throws(ONNXError) in
            guard let input = node.extents(0), case .some(.some(let given)) = node.axes(input: 1) else {
                return [.tensor(node.type(0), nil)]
            }
            guard given.count <= 256 else { throw node.invalid("\(given.count) axes") }
            let axes = try node.axes(given, rank: input.count + given.count)
            guard Set(axes).count == axes.count else { throw node.invalid("an axis is named twice") }
            var rest = input[...]
            return [.tensor(node.type(0), (0..<(input.count + axes.count)).map { axes.contains($0) ? .fixed(1) : rest.removeFirst() })]
        },
        "Concat": { (node) throws(ONNXError) in [.tensor(node.type(0), try concatenated(node))] },
        "Split": { (node) throws(ONNXError) in try split(node) },
        "Slice": { (node) throws(ONNXError) in [.tensor(node.type(0), try sliced(node))] },
        "Expand": { (node) throws(ONNXError) in
            guard let target = node.content(1) else {
                guard let rank = node.extents(1)?.first?.value, let input = node.extents(0), rank <= 64 else {
                    return [.tensor(node.type(0), nil)]
                }
                return [.tensor(node.type(0), [Dimension](repeating: .unknown, count: max(rank, input.count)))]
            }
            guard let input = node.extents(0) else { return [.tensor(node.type(0), nil)] }
            guard let extents = [Dimension].broadcast(input, target) else {
                throw node.invalid("its input does not broadcast to \(target)")
            }
            return [.tensor(node.type(0), extents)]
        },
        "Tile": { (node) throws(ONNXError) in
            guard let input = node.extents(0) else { return [.tensor(node.type(0), nil)] }
            guard node.version >= 6, let repeats = node.content(1) else { return [.tensor(node.type(0), input.map { _ in .unknown })] }
            guard repeats.count == input.count else { throw node.invalid("\(repeats.count) repeats for rank \(input.count)") }
            return [.tensor(node.type(0), zip(input, repeats).map { $0 * $1 })]
        },
        "Pad": { (node) throws(ONNXError) in [.tensor(node.type(0), try padded(node))] },
        "Resize": { (node) throws(ONNXError) in [.tensor(node.type(0), try resized(node))] },
        "Upsample": { (node) throws(ONNXError) in
            guard let input = node.extents(0) else { return [.tensor(node.type(0), nil)] }
            guard let scales = node.attribute("scales") ?? floats(node, 1), scales.count == input.count else {
                return [.tensor(node.type(0), input.map { _ in .unknown })]
            }
            return [.tensor(node.type(0), zip(input, scales).map { scaled($0, $1) })]
        },
        "DepthToSpace": { (node) throws(ONNXError) in
            guard let input = node.extents(0), let block = node.int("blocksize") else { return [.tensor(node.type(0), nil)] }
            guard input.count == 4, block > 0 else { throw node.invalid("it takes [N, C, H, W] and a positive blocksize") }
            return [
                .tensor(
                    node.type(0),
                    [input[0], input[1] / (.fixed(block) * .fixed(block)), input[2] * .fixed(block), input[3] * .fixed(block)]
                )
            ]
        },
        "SpaceToDepth": { (node) throws(ONNXError) in
            guard let input = node.extents(0), let block = node.int("blocksize") else { return [.tensor(node.type(0), nil)] }
            guard input.count == 4, block > 0 else { throw node.invalid("it takes [N, C, H, W] and a positive blocksize") }
            return [
                .tensor(
                    node.type(0),
                    [input[0], input[1] * (.fixed(block) * .fixed(block)), input[2] / .fixed(block), input[3] / .fixed(block)]
                )
            ]
        },
        "CenterCropPad": { (node) throws(ONNXError) in
            guard var extents = node.extents(0), let target = node.content(1) else {
                return [.tensor(node.type(0), node.extents(0).map { $0.map { _ in .unknown } })]
            }
            let axes = try node.axes(node.ints("axes") ?? Array(extents.indices), rank: extents.count)
            guard axes.count == target.count else { throw node.invalid("\(target.count) extents for \(axes.count) axes") }
            for (axis, extent) in zip(axes, target) { extents[axis] = extent }
            return [.tensor(node.type(0), extents)]
        },
    ]

    /// Returns the extents after Reshape: 0 copies the input's extent, -1 takes what is left (ONNX operator Reshape-14).
    private static func reshaped(_ node: InferenceNode) throws(ONNXError) -> [Dimension]? {
        let target = node.ints("shape").map { $0.map(Dimension.fixed) } ?? node.content(1)
        guard let target else {
            guard let rank = node.extents(1)?.first?.value, (0...64).contains(rank) else { return nil }
            return [Dimension](repeating: .unknown, count: rank)
        }
        guard target.count <= 256 else { throw node.invalid("a shape of rank \(target.count)") }
        let input = node.extents(0)
        let copiesZero = node.int("allowzero", default: 0) == 0
        var result: [Dimension] = []
        var open: Int?
        for (axis, extent) in target.enumerated() {
            if extent == .fixed(0) && copiesZero {
                if let input, axis >= input.count {
                    throw node.invalid("the shape copies axis \(axis), which a rank of \(input.count) lacks")
                }
                result.append(input?[axis] ?? .unknown)
            } else if extent == .fixed(-1) {
                guard open == nil else { throw node.invalid("two extents are to be found") }
                open = axis
                result.append(.unknown)
            } else {
                if let value = extent.value, value < 0 { throw node.invalid("the shape has the extent \(value)") }
                result.append(extent)
            }
        }
        guard let input else { return result }
        if let open {
            // Equal extents on both sides cancel, symbolic ones too.
            var numerator = input
            var denominator: [Dimension] = []
            for (axis, extent) in result.enumerated() where axis != open {
                if extent != .unknown, let same = numerator.firstIndex(of: extent) {
                    numerator.remove(at: same)
                } else {
                    denominator.append(extent)
                }
            }
            let rest = denominator.product
            if let whole = numerator.product.value, let part = rest.value {
                guard part == 0 || whole % part == 0 else { throw node.invalid("\(whole) elements cannot be divided into \(part)") }
                result[open] = part == 0 ? .unknown : .fixed(whole / part)
            } else if denominator.isEmpty, numerator.count == 1 {
                result[open] = numerator[0]
            }
        } else if let before = input.fixed, let after = result.fixed, Shape(before).elementCount != Shape(after).elementCount {
            throw node.invalid("\(Shape(before)) cannot become \(Shape(after)): the element counts differ")
        }
        return result
    }

    private static func squeezed(_ node: InferenceNode) throws(ONNXError) -> [Dimension]? {
        guard let input = node.extents(0) else { return nil }
        switch node.axes(input: 1) {
        case .some(.none): return nil
        case .none:
            // Every extent of 1 is removed, which is possible only where all are known.
            return input.fixed.map { $0.filter { $0 != 1 }.map(Dimension.fixed) }
        case .some(.some(let given)):
            let axes = try node.axes(given, rank: input.count)
            for axis in axes {
                if let extent = input[axis].value, extent != 1 {
                    throw node.invalid("axis \(axis) has extent \(extent) and cannot be squeezed")
                }
            }
            return input.enumerated().filter { !axes.contains($0.offset) }.map(\.element)
        }
    }

    private static func concatenated(_ node: InferenceNode) throws(ONNXError) -> [Dimension]? {
        var result: [Dimension]?
        var axis = 0
        for position in node.node.inputs.indices {
            guard let next = node.extents(position) else { return nil }
            guard var sum = result else {
                axis = try node.axis(node.int("axis", default: 1), rank: next.count)
                result = next
                continue
            }
            guard next.count == sum.count else { throw node.invalid("its inputs have ranks \(sum.count) and \(next.count)") }
            for other in sum.indices {
                sum[other] = other == axis ? sum[other] + next[other] : try node.merge(sum[other], next[other], "axis \(other) differs")
            }
            result = sum
        }
        return result
    }

    private static func split(_ node: InferenceNode) throws(ONNXError) -> [ValueType?] {
        let open = ValueType.tensor(node.type(0), node.extents(0).map { $0.map { _ in .unknown } })
        guard let input = node.extents(0) else { return [ValueType?](repeating: .tensor(node.type(0), nil), count: node.outputCount) }
        let axis = try node.axis(node.int("axis", default: 0), rank: input.count)
        var sizes = node.ints("split").map { $0.map(Dimension.fixed) } ?? node.content(1)
        if sizes == nil, !node.isGiven(1) {
            let parts = node.int("num_outputs", default: node.outputCount)
            guard parts > 0, parts == node.outputCount else { throw node.invalid("\(parts) parts for \(node.outputCount) outputs") }
            if let extent = input[axis].value, extent < 1 << 62 {
                // The last part may be smaller (ONNX operator Split-18).
                let size = (extent + parts - 1) / parts
                sizes = (0..<parts).map { .fixed(max(0, min(size, extent - $0 * size))) }
            } else {
                sizes = [Dimension](repeating: .unknown, count: parts)
            }
        }
        guard let sizes else {
            var extents = input
            extents[axis] = .unknown
            return [ValueType?](repeating: .tensor(node.type(0), extents), count: node.outputCount)
        }
        if let total = sizes.reduce(.fixed(0), +).value, let extent = input[axis].value, total != extent {
            throw node.invalid("parts of \(total) in all for an extent of \(extent)")
        }
        return (0..<node.outputCount).map { part in
            guard part < sizes.count else { return open }
            var extents = input
            extents[axis] = sizes[part]
            return .tensor(node.type(0), extents)
        }
    }

    private static func sliced(_ node: InferenceNode) throws(ONNXError) -> [Dimension]? {
        guard let input = node.extents(0) else { return nil }
        let isOld = node.version < 10
        guard let starts = isOld ? node.ints("starts") : node.numbers(1), let ends = isOld ? node.ints("ends") : node.numbers(2) else {
            guard !isOld, case .some(.some(let axes)) = node.axes(input: 3) else { return input.map { _ in .unknown } }
            let touched = try node.axes(axes, rank: input.count)
            return input.enumerated().map { touched.contains($0.offset) ? .unknown : $0.element }
        }
        guard starts.count == ends.count else { throw node.invalid("\(starts.count) starts and \(ends.count) ends") }
        let axes: [Int]
        switch node.axes(input: 3) {
        case .none: axes = Array(starts.indices)
        case .some(.some(let given)): axes = given
        case .some(.none): return input.map { _ in .unknown }
        }
        guard let steps = !isOld && node.isGiven(4) ? node.numbers(4) : starts.map({ _ in 1 }) else {
            return input.map { _ in .unknown }
        }
        guard axes.count == starts.count, steps.count == starts.count else { throw node.invalid("starts, axes and steps differ in number") }
        var result = input
        for (position, given) in axes.enumerated() {
            let axis = try node.axis(given, rank: input.count)
            if steps[position] == 0 { throw node.invalid("a step of 0") }
            result[axis] = sliceExtent(input[axis], starts[position], ends[position], steps[position])
        }
        return result
    }

    /// Returns the extent of a slice, as in Python, with the ends clamped.
    static func sliceExtent(_ extent: Dimension, _ start: Int, _ end: Int, _ step: Int) -> Dimension {
        guard let extent = extent.value else { return start == 0 && end >= Int(Int32.max) && step == 1 ? extent : .unknown }
        let (from, to) = sliceBounds(extent, start, end, step)
        let span = step > 0 ? to - from : from - to
        return .fixed(span <= 0 ? 0 : (span - 1) / (step == .min ? .max : abs(step)) + 1)
    }

    static func sliceBounds(_ extent: Int, _ start: Int, _ end: Int, _ step: Int) -> (Int, Int) {
        func resolve(_ index: Int) -> Int { index < 0 ? max(index, -(1 << 62)) + extent : index }
        let low = step > 0 ? 0 : -1
        let high = step > 0 ? extent : extent - 1
        let from = min(max(resolve(start), step > 0 ? 0 : 0), high)
        let to = min(max(resolve(end), low), high)
        return (from, to)
    }

    private static func padded(_ node: InferenceNode) throws(ONNXError) -> [Dimension]? {
        guard let input = node.extents(0) else { return nil }
        let pads = node.ints("pads") ?? node.ints("paddings") ?? (node.isGiven(1) ? node.numbers(1) : nil)
        guard let pads else { return input.map { _ in .unknown } }
        var axes = Array(input.indices)
        if case .some(let given) = node.axes(input: 3) {
            guard let given else { return input.map { _ in .unknown } }
            axes = try node.axes(given, rank: input.count)
        }
        guard pads.count == 2 * axes.count else { throw node.invalid("\(pads.count) pads for \(axes.count) axes") }
        var result = input
        for (position, axis) in axes.enumerated() {
            result[axis] = result[axis] + .fixed(pads[position]) + .fixed(pads[position + axes.count])
        }
        return result
    }

    private static func resized(_ node: InferenceNode) throws(ONNXError) -> [Dimension]? {
        guard let input = node.extents(0) else { return nil }
        let isOld = node.version < 11
        let axes = try node.axes(node.ints("axes") ?? Array(input.indices), rank: input.count)
        var result = input
        if !isOld, node.isGiven(3) {
            guard let sizes = node.content(3), sizes.count == axes.count else { return input.map { _ in .unknown } }
            let policy = node.string("keep_aspect_ratio_policy") ?? "stretch"
            if policy == "stretch" {
                for (axis, size) in zip(axes, sizes) { result[axis] = size }
                return result
            }
            let pairs = zip(axes, sizes).compactMap { axis, size in size.value.flatMap { size in input[axis].value.map { (size, $0) } } }
            let ratios = pairs.filter { $0.1 > 0 }.map { Float($0.0) / Float($0.1) }
            guard pairs.count == axes.count, ratios.count == axes.count,
                let scale = policy == "not_larger" ? ratios.min() : ratios.max()
            else { return input.map { _ in .unknown } }
            for axis in axes {
                result[axis] = input[axis].value.flatMap { Int(exactly: (scale * Float($0)).rounded()) }.map(Dimension.fixed) ?? .unknown
            }
            return result
        }
        guard let scales = floats(node, isOld ? 1 : 2), scales.count == axes.count else { return input.map { _ in .unknown } }
        for (axis, scale) in zip(axes, scales) { result[axis] = scaled(input[axis], scale) }
        return result
    }

    private static func scaled(_ extent: Dimension, _ scale: Float) -> Dimension {
        if scale == 1 { return extent }
        guard let value = extent.value, scale.isFinite, scale >= 0 else { return .unknown }
        return Int(exactly: (Float(value) * scale).rounded(.down)).map(Dimension.fixed) ?? .unknown
    }

    private static func floats(_ node: InferenceNode, _ position: Int) -> [Float]? {
        node.isGiven(position) ? node.constant(position)?.values(as: Float.self) : nil
    }
}

extension InferenceNode {
    fileprivate func attribute(_ name: String) -> [Float]? { node.attribute(name)?.floats }
}
