import ONNX
import Tensors

/// Computes the gradient of numpy's broadcasting: an input that was repeated along an axis gets the sum over that axis.
enum Broadcasting {
    /// Returns the extents that two shapes broadcast to; nil if the rank of one is not known.
    static func extents(_ left: [Dimension]?, _ right: [Dimension]?) -> [Dimension]? {
        guard let left, let right else { return nil }
        let rank = max(left.count, right.count)
        return (0..<rank).map { axis in
            let a = axis + left.count - rank, b = axis + right.count - rank
            if a < 0 { return right[b] }
            if b < 0 { return left[a] }
            return extent(left[a], right[b])
        }
    }

    private static func extent(_ left: Dimension, _ right: Dimension) -> Dimension {
        if left == right { return left }
        if left == .fixed(1) { return right }
        if right == .fixed(1) { return left }
        if left.value != nil { return left }
        if right.value != nil { return right }
        return .unknown
    }

    /// Sums `cotangent` down to the shape of `target`, which broadcasts to the shape of `cotangent`. The axes to sum over are found here if
    /// all extents are fixed or equal symbols, and otherwise in the graph, from the shapes at run time.
    /// - Parameter equal: the number of last axes that are known not to have been repeated.
    static func reduce(_ cotangent: Symbol, to target: Symbol, equal: Int = 0) -> Symbol {
        guard let wide = cotangent.extents, let narrow = target.extents, narrow.count <= wide.count else {
            return dynamicallyReduced(cotangent, to: target)
        }
        let leading = wide.count - narrow.count
        var repeated: [Int] = []
        for axis in narrow.indices.dropLast(equal) {
            switch (narrow[axis], wide[axis + leading]) {
            case (.fixed(1), .fixed(1)): break
            case (.fixed(1), _): repeated.append(axis + leading)
            case (.fixed, _): break
            case (.symbolic(let a), .symbolic(let b)) where a == b: break
            default: return dynamicallyReduced(cotangent, to: target)
            }
        }
        let axes = Array(0..<leading) + repeated
        if axes.isEmpty { return cotangent }
        let sum = cotangent.sum(axes, keep: !repeated.isEmpty)
        return leading == 0 || repeated.isEmpty ? sum : sum.squeezed(Array(0..<leading))
    }

    private static func dynamicallyReduced(_ cotangent: Symbol, to target: Symbol) -> Symbol {
        let wide = cotangent.apply("Shape", extents: [cotangent.rank.map(Dimension.fixed) ?? .unknown], type: .int64)
        let narrow = target.apply("Shape", extents: [target.rank.map(Dimension.fixed) ?? .unknown], type: .int64)
        let graph = cotangent.graph
        var aligned = narrow
        if cotangent.rank == nil || cotangent.rank != target.rank {
            let missing =
                wide.apply("Shape", extents: [.fixed(1)], type: .int64) - narrow.apply("Shape", extents: [.fixed(1)], type: .int64)
            aligned = graph.filled(1, missing, type: .int64).concatenated([narrow])
        }
        let axes = aligned.equals(wide).not.apply("NonZero", type: .int64).reshaped([-1])
        let sum = cotangent.apply("ReduceSum", [axes], [Attribute("noop_with_empty_axes", .int(1))])
        return sum.apply("Reshape", [target.shape], extents: target.extents)
    }
}
