import Tensors

/// Computes the integers of an output, for the operators with which exporters compute shapes: vectors and scalars, with symbolic extents
/// kept.
enum ContentRules {
    static let rules: [String: @Sendable (InferenceNode) -> [Dimension]?] = [
        "Shape": { node in
            guard let extents = node.extents(0) else { return nil }
            return Array(extents[shapeRange(node, rank: extents.count)])
        },
        "Size": { node in node.extents(0).map { [$0.product] } },
        "Constant": { node in
            if let values = node.ints("value_ints") { return values.map(Dimension.fixed) }
            return node.int("value_int").map { [.fixed($0)] }
        },
        "Identity": { $0.content(0) },
        "Cast": { node in
            node.elementType("to").map { [.int64, .int32].contains($0) } ?? false && node.type(0)?.isInteger ?? false
                ? node.content(0) : nil
        },
        "Squeeze": { $0.content(0) },
        "Unsqueeze": { node in (node.extents(0)?.isEmpty ?? false) ? node.content(0) : nil },
        "Reshape": { node in
            guard let content = node.content(0), let target = node.content(1), target.count <= 1 else { return nil }
            return content
        },
        "Concat": { node in
            var result: [Dimension] = []
            for position in node.node.inputs.indices {
                guard let part = node.content(position), node.extents(position)?.count == 1 else { return nil }
                result += part
            }
            return result
        },
        "Gather": { node in
            guard let data = node.content(0), node.extents(0)?.count == 1, let indices = node.numbers(1) else { return nil }
            var result: [Dimension] = []
            for index in indices {
                let position = index < 0 ? index + data.count : index
                guard data.indices.contains(position) else { return nil }
                result.append(data[position])
            }
            return result
        },
        "Slice": { node in
            guard let data = node.content(0), node.extents(0)?.count == 1 else { return nil }
            let isOld = node.version < 10
            guard let start = (isOld ? node.ints("starts") : node.numbers(1))?.first,
                let end = (isOld ? node.ints("ends") : node.numbers(2))?.first
            else { return nil }
            let step = isOld || !node.isGiven(4) ? 1 : node.numbers(4)?.first ?? 0
            guard step != 0, step.magnitude < 1 << 40 else { return nil }
            let (from, to) = InferenceRules.sliceBounds(data.count, start, end, step)
            guard step > 0 ? from < to : from > to else { return [] }
            return stride(from: from, to: to, by: step).map { data[$0] }
        },
        "Neg": { $0.content(0)?.map { .fixed(0) - $0 } },
        "Add": { elementwise($0, +) },
        "Sub": { elementwise($0, -) },
        "Mul": { elementwise($0, *) },
        "Div": { node in
            elementwise(node) { a, b in
                guard let x = a.value, let y = b.value, y != 0, x != .min else { return b == .fixed(1) ? a : .unknown }
                return .fixed(x / y)
            }
        },
        "ConstantOfShape": { node in
            guard let count = node.numbers(0), count.count <= 1, let value = fill(node) else { return nil }
            let length = count.first ?? 1
            return (0...64).contains(length) ? [Dimension](repeating: .fixed(value), count: length) : nil
        },
        "Where": { node in
            guard let first = node.content(1), let second = node.content(2), first == second else { return nil }
            return first
        },
        "Expand": { node in
            guard let content = node.content(0), content.count == 1, let target = node.numbers(1), target.count == 1,
                (0...64).contains(target[0])
            else { return nil }
            return [Dimension](repeating: content[0], count: target[0])
        },
        "Range": { node in
            guard let start = node.numbers(0)?.first, let limit = node.numbers(1)?.first, let step = node.numbers(2)?.first, step != 0,
                step.magnitude < 1 << 40, start.magnitude < 1 << 40, limit.magnitude < 1 << 40, (limit - start) / step <= 64
            else { return nil }
            return stride(from: start, to: limit, by: step).map(Dimension.fixed)
        },
    ]

    /// Returns `start` and `end` of Shape-15, with negative ones counted from the end, clamped.
    static func shapeRange(_ node: InferenceNode, rank: Int) -> Range<Int> {
        func clamp(_ index: Int) -> Int { min(max(index < 0 ? index + rank : index, 0), rank) }
        let start = clamp(node.int("start", default: 0))
        return start..<max(start, clamp(node.int("end", default: rank)))
    }

    private static func elementwise(_ node: InferenceNode, _ body: (Dimension, Dimension) -> Dimension) -> [Dimension]? {
        guard let a = node.content(0), let b = node.content(1), node.type(0)?.isInteger ?? false else { return nil }
        if a.count == b.count { return zip(a, b).map(body) }
        if b.count == 1 { return a.map { body($0, b[0]) } }
        if a.count == 1 { return b.map { body(a[0], $0) } }
        return nil
    }

    private static func fill(_ node: InferenceNode) -> Int? {
        guard let tensor = node.node.attribute("value")?.tensor, tensor.elementCount == 1 else { return nil }
        do throws(ONNXError) {
            return try tensor.tensor().values(as: Int64.self).flatMap { tensor.elementType == .int64 ? $0.first.map(Int.init) : nil }
        } catch {
            return nil
        }
    }
}
