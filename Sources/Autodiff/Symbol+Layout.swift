import ONNX
package import Tensors

/// Offers shapes, reductions and products.
extension Symbol {
    /// The shape as an `int64` list `[rank]`: a constant if all extents are fixed, otherwise computed in the graph.
    package var shape: Symbol {
        if let fixedExtents { return graph.integers(fixedExtents) }
        return apply("Shape", extents: [rank.map(Dimension.fixed) ?? .unknown], type: .int64)
    }

    /// Returns the extent of one axis as an `int64` list `[1]`. A negative axis counts from the end.
    package func extent(_ axis: Int) -> Symbol {
        if let extents, let fixed = extents[axis < 0 ? axis + extents.count : axis].value { return graph.integers([fixed]) }
        var attributes = [Attribute("start", .int(Int64(axis)))]
        if axis != -1 { attributes.append(Attribute("end", .int(Int64(axis + 1)))) }
        return apply("Shape", [], attributes, extents: [.fixed(1)], type: .int64)
    }

    /// The number of elements, an `int64` scalar.
    package var size: Symbol {
        if let fixedExtents { return graph.constant(.int64, [], [Int64(fixedExtents.reduce(1, *))]) }
        return apply("Size", extents: [], type: .int64)
    }

    /// Returns the value in the shape that an `int64` list gives. `extents` are the known extents of it.
    package func reshaped(to shape: Symbol, extents: [Dimension]? = nil) -> Symbol {
        if let extents, let own = self.extents, own == extents, !own.contains(.unknown) { return self }
        return apply("Reshape", [shape], extents: extents)
    }

    /// Returns the value in this shape. One extent may be -1, and then follows from the others.
    package func reshaped(_ shape: [Int]) -> Symbol {
        reshaped(to: graph.integers(shape), extents: shape.map { $0 > 0 ? .fixed($0) : .unknown })
    }

    /// Returns the value in `other`'s shape, which must have as many elements. Where at most one extent is open, it follows from the
    /// others; a Shape would keep `other` in memory until then.
    package func reshaped(like other: Symbol) -> Symbol {
        guard let extents = other.extents, extents.count(where: { $0.value == nil }) == 1, !extents.contains(.fixed(0)) else {
            return reshaped(to: other.shape, extents: other.extents)
        }
        return reshaped(to: graph.integers(extents.map { $0.value ?? -1 }), extents: extents)
    }

    package var flattened: Symbol { reshaped([-1]) }

    /// Repeats the value until it has the shape of `other`.
    package func expanded(like other: Symbol) -> Symbol {
        if let extents, extents == other.extents, !extents.contains(.unknown) { return self }
        return apply("Expand", [other.shape], extents: other.extents)
    }

    /// A tensor of zeros in this value's shape.
    package var zeros: Symbol { graph.filled(0, shape, type: elementType, extents: extents) }

    /// Sums over `axes`, which may be negative. With `keep` they stay as axes of one element.
    package func sum(_ axes: [Int], keep: Bool = true) -> Symbol { sumOfRows(axes, keep: keep) ?? reduced("ReduceSum", axes, keep: keep) }

    /// Returns the sum over all axes but the last as the product with a vector of ones, in a third of the time of ONNX Runtime's ReduceSum;
    /// nil for other axes, and for rows so short that it would take longer.
    private func sumOfRows(_ axes: [Int], keep: Bool) -> Symbol? {
        guard elementType == .float32, let extents, extents.count > 1, let width = extents.last?.value, width >= 64,
            Set(axes.map { $0 < 0 ? $0 + extents.count : $0 }) == Set(0..<extents.count - 1)
        else { return nil }
        let matrix = rows
        let sum = graph.filled(1, matrix.extent(0), type: .float32, extents: [.unknown]).matrixProduct(matrix, extents: [.fixed(width)])
        return keep ? sum.reshaped([Int](repeating: 1, count: extents.count - 1) + [width]) : sum
    }

    /// Takes the mean over `axes`, as `sum` does.
    package func mean(_ axes: [Int], keep: Bool = true) -> Symbol { reduced("ReduceMean", axes, keep: keep) }

    private func reduced(_ operatorType: String, _ axes: [Int], keep: Bool) -> Symbol {
        if axes.isEmpty { return self }
        var extents = self.extents
        if let known = extents {
            let resolved = Set(axes.map { $0 < 0 ? $0 + known.count : $0 })
            extents = known.enumerated().compactMap { axis, extent in resolved.contains(axis) ? (keep ? .fixed(1) : nil) : extent }
        }
        return apply(operatorType, [graph.integers(axes)], keep ? [] : [Attribute("keepdims", .int(0))], extents: extents)
    }

    /// The sum of all elements, a scalar.
    package var total: Symbol { apply("ReduceSum", [], [Attribute("keepdims", .int(0))], extents: []) }

    package func transposed(_ permutation: [Int]) -> Symbol {
        if permutation == Array(permutation.indices) { return self }
        let extents = extents.map { known in permutation.map { known[$0] } }
        return apply("Transpose", [], [Attribute("perm", .ints(permutation.map(Int64.init)))], extents: extents)
    }

    /// Exchanges the last two of `rank` axes.
    package func matrixTransposed(rank: Int) -> Symbol { transposed(Symbol.matrixTransposition(rank: rank)) }

    /// Returns the permutation that exchanges the last two of `rank` axes.
    package static func matrixTransposition(rank: Int) -> [Int] { Array(0..<(rank - 2)) + [rank - 1, rank - 2] }

    /// Inserts axes of one element. Negative numbers count from the end of the result.
    package func unsqueezed(_ axes: [Int]) -> Symbol {
        var extents = self.extents
        if let known = extents {
            let rank = known.count + axes.count
            let made = Set(axes.map { $0 < 0 ? $0 + rank : $0 })
            var rest = known.makeIterator()
            extents = (0..<rank).map { made.contains($0) ? .fixed(1) : rest.next() ?? .unknown }
        }
        return apply("Unsqueeze", [graph.integers(axes)], extents: extents)
    }

    /// Removes axes of one element.
    package func squeezed(_ axes: [Int]) -> Symbol {
        let extents = extents.map { known in
            let gone = Set(axes.map { $0 < 0 ? $0 + known.count : $0 })
            return known.enumerated().compactMap { gone.contains($0) ? nil : $1 }
        }
        return apply("Squeeze", [graph.integers(axes)], extents: extents)
    }

    package func matrixProduct(_ other: Symbol, extents: [Dimension]? = nil) -> Symbol { apply("MatMul", [other], extents: extents) }

    /// Returns `alpha op(self) op(other)` for matrices; a transposed operand is not copied.
    package func gemm(_ other: Symbol, transA: Bool = false, transB: Bool = false, alpha: Float = 1) -> Symbol {
        var attributes: [Attribute] = []
        if transA { attributes.append(Attribute("transA", .int(1))) }
        if transB { attributes.append(Attribute("transB", .int(1))) }
        if alpha != 1 { attributes.append(Attribute("alpha", .float(alpha))) }
        var extents: [Dimension]?
        if let a = self.extents, let b = other.extents { extents = [a[transA ? 1 : 0], b[transB ? 0 : 1]] }
        return apply("Gemm", [other], attributes, extents: extents)
    }

    /// Adds zeros before and after the elements along some axes.
    package func padded(axes: [Int], before: [Int], after: [Int]) -> Symbol {
        if (before + after).allSatisfy({ $0 == 0 }) { return self }
        var extents = self.extents
        for (position, axis) in axes.enumerated() {
            guard let own = extents?[axis] else { break }
            extents?[axis] = own.value.map { .fixed($0 + before[position] + after[position]) } ?? .unknown
        }
        guard let rank else { return apply("Pad", [graph.integers(before + after), nil, graph.integers(axes)], extents: extents) }
        // All axes are given where they are known: ONNX Runtime 1.32, when it moves a Transpose past a Pad, permutes the pads as if they
        // were all there.
        var pads = [Int](repeating: 0, count: 2 * rank)
        for (position, axis) in axes.enumerated() {
            let resolved = axis < 0 ? axis + rank : axis
            pads[resolved] = before[position]
            pads[rank + resolved] = after[position]
        }
        return apply("Pad", [graph.integers(pads)], extents: extents)
    }

    /// Returns every `steps`-th element from `starts` until before `ends`, along each of `axes`.
    package func sliced(_ axes: [Int], from starts: [Int], to ends: [Int], steps: [Int]) -> Symbol {
        var extents = self.extents
        for axis in axes { extents?[axis] = .unknown }
        return apply(
            "Slice", [graph.integers(starts), graph.integers(ends), graph.integers(axes), graph.integers(steps)], extents: extents)
    }

    /// Joins values along `axis`; lists of integers become one list.
    package func concatenated(_ others: [Symbol], axis: Int = 0, extents: [Dimension]? = nil) -> Symbol {
        if others.isEmpty { return self }
        return apply("Concat", others, [Attribute("axis", .int(Int64(axis)))], extents: extents)
    }
}
