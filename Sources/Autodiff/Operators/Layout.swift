import ONNX
import Tensors

extension OperatorTable {
    /// The operators that move elements and compute nothing.
    static let layout: [OperatorGradient] = [
        .rule("Reshape", withoutGradient: [1]) { [$0.dy.reshaped(like: $0.x)] },
        .rule("Flatten") { [$0.dy.reshaped(like: $0.x)] },
        .rule("Squeeze", withoutGradient: [1]) { [$0.dy.reshaped(like: $0.x)] },
        .rule("Unsqueeze", withoutGradient: [1]) { [$0.dy.reshaped(like: $0.x)] },
        .rule("Expand", .broadcasts, withoutGradient: [1]) { [$0.dy] },
        .rule("Transpose", by: transpose),
        .rule("Concat", by: concat),
        .rule("Split", by: split),
        .rule("Slice", by: slice),
        .rule("Pad", by: pad),
        .rule("Tile", withoutGradient: [1], by: tile),
        .rule("CenterCropPad") { (c) in [scattered(c, filled: true)] },
        .rule("ReverseSequence") { (c) in [c.dy.apply("ReverseSequence", [c.b], c.node.attributes, extents: c.x.extents)] },
        .rule("Trilu") { (c) in [c.dy.apply("Trilu", [c.optionalInput(1)], c.node.attributes, extents: c.x.extents)] },
        .rule("CumSum", withoutGradient: [1]) { (c) in
            let turned = [Attribute("exclusive", .int(Int64(c.int("exclusive")))), Attribute("reverse", .int(1 - Int64(c.int("reverse"))))]
            return [c.dy.apply("CumSum", [c.b], turned, extents: c.x.extents)]
        },
        .rule("SpaceToDepth") { (c) in [c.dy.apply("DepthToSpace", [], c.node.attributes, extents: c.x.extents)] },
        .rule("DepthToSpace", by: depthToSpace),
        // It is a rotation, which the opposite angle undoes.
        .rule("RotaryEmbedding", withoutGradient: [1, 2]) { (c) in
            [c.dy.apply("RotaryEmbedding", [c.b, -c.input(2), c.optionalInput(3)], c.node.attributes, extents: c.x.extents)]
        },
        .rule("AffineGrid", by: affineGrid),
        .rule("Resize", withoutGradient: [1, 2, 3], by: Resizing.rule),
        .rule("Col2Im", by: columnsToImage),
        .expansion("GridSample", GridSampleExpansion.outputs),
    ]

    private static func transpose(_ c: RuleContext) throws(AutodiffError) -> [Symbol?] {
        let permutation: [Int]
        if let given = c.ints("perm") { permutation = given } else { permutation = Array((0..<(try c.rank())).reversed()) }
        var inverse = [Int](repeating: 0, count: permutation.count)
        for (position, axis) in permutation.enumerated() { inverse[axis] = position }
        return [c.dy.transposed(inverse)]
    }

    private static func concat(_ c: RuleContext) -> [Symbol?] {
        if c.node.inputs.count == 1 { return [c.dy] }
        let axis = c.int("axis")
        let inputs = c.node.inputs.indices.map { c.input($0) }
        let lengths = inputs.map { $0.extents.flatMap { $0[axis < 0 ? axis + $0.count : axis].value } }
        let sizes: Symbol
        if lengths.allSatisfy({ $0 != nil }) {
            sizes = c.graph.integers(lengths.compactMap { $0 })
        } else {
            let each = inputs.map { $0.extent(axis) }
            sizes = each[0].concatenated(Array(each.dropFirst()), extents: [.fixed(each.count)])
        }
        return c.graph.emit(
            "Split", [c.dy, sizes], outputs: inputs.count, [Attribute("axis", .int(Int64(axis)))],
            types: c.node.inputs.map { c.graph.type($0) })
    }

    private static func split(_ c: RuleContext) -> [Symbol?] {
        let parts = c.node.outputs.enumerated().map { position, name in
            // An output that nothing uses still takes its place.
            c.cotangents[position] ?? c.graph.symbol(name).zeros
        }
        return [parts[0].concatenated(Array(parts.dropFirst()), axis: c.int("axis"), extents: c.x.extents)]
    }

    /// Adds zeros around the cotangent, if the step is 1 and the bounds are known. Otherwise the positions that were taken are found by
    /// slicing the numbers of all elements in the same way.
    private static func slice(_ c: RuleContext) -> [Symbol?] {
        let rank = c.x.rank
        let starts = c.integers(1), ends = c.integers(2)
        let axes = c.isGiven(3) ? c.integers(3) : starts.map { Array($0.indices) }
        let steps = c.isGiven(4) ? c.integers(4) : starts.map { $0.map { _ in 1 } }
        if let rank, let extents = c.x.extents, let starts, let ends, let axes, let steps, steps.allSatisfy({ $0 == 1 }) {
            let resolved = axes.map { c.axis($0, rank: rank) }
            let lengths = resolved.compactMap { extents[$0].value }
            if lengths.count == axes.count {
                let from = zip(starts, lengths).map { max(0, min($0 < 0 ? $0 + $1 : $0, $1)) }
                let to = zip(ends, lengths).map { max(0, min($0 < 0 ? $0 + $1 : $0, $1)) }
                if zip(from, to).allSatisfy({ $0 <= $1 }) {
                    return [c.dy.padded(axes: resolved, before: from, after: zip(lengths, to).map { $0 - $1 })]
                }
            }
        }
        return [scattered(c)]
    }

    /// Returns the gradient of an operator that picks elements of its first input: applies it to the numbers of the elements, and adds the
    /// cotangent at those positions.
    ///
    /// - Parameters:
    ///   - rest: the other inputs; nil for those of the node.
    ///   - filled: tells whether the operator also puts zeros between the elements; their cotangents are dropped.
    static func scattered(_ c: RuleContext, rest: [Symbol?]? = nil, filled: Bool = false) -> Symbol {
        let graph = c.graph
        func number(_ value: Int64) -> Symbol { graph.constant(.int64, [], [value]) }
        let first: Int64 = filled ? 1 : 0
        let numbers = graph.emit("Range", [number(first), filled ? c.x.size + number(1) : c.x.size, number(1)], type: .int64).reshaped(
            like: c.x)
        let others = rest ?? c.node.inputs.dropFirst().map { $0.isEmpty ? nil : graph.symbol($0) }
        let taken = numbers.apply(c.node.operatorType, others, c.node.attributes).flattened
        guard filled else { return added(c.dy.flattened, at: taken, to: c.x) }
        let zeros = graph.filled(0, (c.x.size + number(1)).reshaped([1]), type: c.x.elementType)
        return zeros.apply("ScatterElements", [taken, c.dy.flattened], [Attribute("reduction", .string("add"))])
            .sliced([0], from: [1], to: [Int(Int32.max)], steps: [1]).reshaped(like: c.x)
    }

    /// Returns zeros of the shape of `target`, to which `updates` `[K]` are added at the flat positions `indices` `[K]`.
    static func added(_ updates: Symbol, at indices: Symbol, to target: Symbol) -> Symbol {
        let count = target.fixedExtents.map { target.graph.integers([$0.reduce(1, *)]) } ?? target.size.reshaped([1])
        let zeros = target.graph.filled(0, count, type: target.elementType)
        return zeros.apply("ScatterElements", [indices, updates], [Attribute("reduction", .string("add"))]).reshaped(like: target)
    }

    /// Cuts the added constants off again, and puts zeros where the pad cut. In other modes, repeated elements get the sum.
    private static func pad(_ c: RuleContext) -> [Symbol?] {
        guard c.string("mode", "constant") == "constant" else {
            let rest = [c.b, nil, c.optionalInput(3)]
            return [scattered(c, rest: rest)]
        }
        let cut = c.integers(1).map { c.graph.integers($0.map { -$0 }) } ?? c.b.map("Neg")
        let toInput = c.dy.apply("Pad", [cut, nil, c.optionalInput(3)], extents: c.x.extents)
        guard c.needs(2) else { return [toInput] }
        let inside = c.graph.filled(1, c.x.shape, type: c.x.elementType)
        let outside = 1 - inside.apply("Pad", [c.b, nil, c.optionalInput(3)], extents: c.y.extents)
        return [toInput, nil, (c.dy * outside).total.reshaped(like: c.input(2))]
    }

    /// Splits each axis into `[repeats, extent]` and sums over the repeats.
    private static func tile(_ c: RuleContext) throws(AutodiffError) -> [Symbol?] {
        let rank = try c.rank()
        if rank == 0 { return [c.dy] }
        let pairs = c.b.unsqueezed([1]).concatenated([c.x.shape.unsqueezed([1])], axis: 1).flattened
        let split = c.dy.reshaped(to: pairs)
        return [split.sum((0..<rank).map { 2 * $0 }, keep: false).stating(c.x.extents)]
    }

    /// Undoes the operator with SpaceToDepth in the default order (depth, columns, rows). In the other order the block comes after the
    /// channel.
    private static func depthToSpace(_ c: RuleContext) -> [Symbol?] {
        let block = c.int("blocksize")
        let deep = c.dy.apply("SpaceToDepth", [], [Attribute("blocksize", .int(Int64(block)))])
        guard c.string("mode", "DCR") == "CRD" else { return [deep.stating(c.x.extents)] }
        let shape = c.graph.integers([0, block * block]).concatenated([c.dy.extent(1), c.graph.integers([-1])])
        return [deep.reshaped(to: shape).transposed([0, 2, 1, 3]).reshaped(like: c.x)]
    }

    /// Returns the gradient of the grid, which is linear in `theta` `[N, d, d + 1]`. For the identity the operator gives the coordinates
    /// themselves.
    private static func affineGrid(_ c: RuleContext) throws(AutodiffError) -> [Symbol?] {
        let axes = try c.rank(1) == 1 ? c.input(1).extents?[0].value.map { $0 - 2 } : nil
        guard let axes else { throw c.refused("the length of its size is not known") }
        var identity = [Float](repeating: 0, count: axes * (axes + 1))
        for axis in 0..<axes { identity[axis * (axes + 1) + axis] = 1 }
        let batch = c.x.extent(0).concatenated([c.graph.integers([1, 1])])
        let theta = c.graph.constant(.float32, [1, axes, axes + 1], identity).cast(to: c.x.elementType).apply("Expand", [batch])
        let coordinates = theta.apply("AffineGrid", [c.b], c.node.attributes).reshaped([0, -1, axes])
        let ones = coordinates.sliced([2], from: [0], to: [1], steps: [1]).zeros + 1
        let cotangent = c.dy.reshaped([0, -1, axes]).matrixTransposed(rank: 3)
        return [cotangent.matrixProduct(coordinates.concatenated([ones], axis: 2)).stating(c.x.extents)]
    }

    /// Gives every column the cotangent at the places to which it was added: one slice for each element of the block.
    private static func columnsToImage(_ c: RuleContext) throws(AutodiffError) -> [Symbol?] {
        guard let block = c.integers(2) else { throw c.refused("its block shape is not a constant") }
        let geometry = try WindowGeometry(c, kernel: block, input: nil)
        let padded = c.dy.padded(axes: Array(geometry.axes), before: geometry.before, after: geometry.after)
        let windows = geometry.windows(of: padded, axes: Array(geometry.axes)).map { $0.reshaped([0, 0, 1, -1]) }
        return [windows[0].concatenated(Array(windows.dropFirst()), axis: 2).reshaped(like: c.x)]
    }
}
