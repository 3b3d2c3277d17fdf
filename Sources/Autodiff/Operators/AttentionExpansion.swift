import ONNX
import Tensors

/// Expands ONNX operator Attention-23 to 25: `softmax(cap(scale Q K^T) + mask) V` for each head.
enum AttentionExpansion {
    @Sendable static func outputs(_ c: RuleContext) throws(AutodiffError) -> [Symbol?] {
        let isFlat = try c.rank() == 3
        let heads = isFlat ? c.int("q_num_heads") : nil
        let query = split(c.x, heads)
        var key = split(c.b, isFlat ? c.int("kv_num_heads") : nil), value = split(c.input(2), isFlat ? c.int("kv_num_heads") : nil)
        if let past = c.optionalInput(4) { key = past.concatenated([key], axis: 2, extents: grown(key)) }
        if let past = c.optionalInput(5) { value = past.concatenated([value], axis: 2, extents: grown(value)) }
        let presentKey = key, presentValue = value
        guard let queryHeads = query.extents?[1].value, let keyHeads = key.extents?[1].value, keyHeads > 0 else {
            throw c.refused("its number of heads is not known")
        }
        if queryHeads != keyHeads {
            key = repeated(key, queryHeads / keyHeads)
            value = repeated(value, queryHeads / keyHeads)
        }
        var scores = (query * (try scale(c, query))).matrixProduct(key.matrixTransposed(rank: 4), extents: scoreExtents(query, key))
        let raw = scores
        let cap = c.float("softcap", 0)
        if cap > 0 { scores = (scores / cap).tanh * cap }
        let capped = scores
        let (bias, isSeen) = bias(c, query, key)
        if let bias { scores = scores + bias }
        var weights = scores.apply("Softmax", [], [Attribute("axis", .int(-1))], extents: scores.extents)
        var mixed = weights.matrixProduct(
            value, extents: scoreExtents(query, key).flatMap { known in value.extents.map { known.dropLast() + [$0[3]] } })
        if let isSeen {
            let mask = isSeen.mask(c.x.elementType)
            (mixed, weights) = (mixed * mask, weights * mask)
        }
        let inner: Symbol? =
            switch c.int("qk_matmul_output_mode") {
            case 0: raw
            case 1: capped
            case 2: scores
            case 3: weights
            default: nil
            }
        let result = isFlat ? mixed.transposed([0, 2, 1, 3]).reshaped(to: c.graph.integers([0, 0, -1]), extents: c.y.extents) : mixed
        return [result, presentKey, presentValue, inner]
    }

    /// Reorders `[B, S, heads * D]` to `[B, heads, S, D]`.
    private static func split(_ value: Symbol, _ heads: Int?) -> Symbol {
        guard let heads, heads > 0 else { return value }
        let extents = value.extents.map { [$0[0], $0[1], .fixed(heads), $0[2].value.map { .fixed($0 / heads) } ?? .unknown] }
        return value.reshaped(to: value.graph.integers([0, 0, heads, -1]), extents: extents).transposed([0, 2, 1, 3])
    }

    private static func grown(_ value: Symbol) -> [Dimension]? { value.extents.map { [$0[0], $0[1], .unknown, $0[3]] } }

    /// Repeats each head `times` times in a row, because a group of query heads shares a key head.
    private static func repeated(_ value: Symbol, _ times: Int) -> Symbol {
        let wide = value.unsqueezed([2]).apply(
            "Expand", [value.graph.integers([1, 1, times, 1, 1])],
            extents: value.extents.map { [$0[0], $0[1], .fixed(times), $0[2], $0[3]] })
        let heads = value.extents?[1].value.map { $0 * times } ?? -1
        let shape = value.graph.integers([0, heads]).concatenated([value.extent(2), value.extent(3)])
        return wide.reshaped(to: shape, extents: value.extents.map { [$0[0], .fixed(heads), $0[2], $0[3]] })
    }

    private static func scoreExtents(_ query: Symbol, _ key: Symbol) -> [Dimension]? {
        guard let q = query.extents, let k = key.extents else { return nil }
        return [q[0], q[1], q[2], k[2]]
    }

    private static func scale(_ c: RuleContext, _ query: Symbol) throws(AutodiffError) -> Symbol {
        if let given = c.node.attribute("scale")?.float, given != 0 { return c.graph.scalar(Double(given), c.x.elementType) }
        if let width = query.extents?[3].value { return c.graph.scalar(1 / Double(width).squareRoot(), c.x.elementType) }
        return query.extent(3).cast(to: c.x.elementType).sqrt.reciprocal
    }

    /// Returns the bias of the scores (the mask, and minus infinity for keys that are left out), and which queries see any key; nil if all
    /// do. Queries that see none get no bias, so that their softmax is a number, and the result 0.
    private static func bias(_ c: RuleContext, _ query: Symbol, _ key: Symbol) -> (bias: Symbol?, isSeen: Symbol?) {
        var conditions = allowed(c, query, key)
        var bias: Symbol?
        if let mask = c.optionalInput(3) {
            let (padded, within) = covering(key, mask)
            if mask.elementType == .bool { conditions.append(padded) } else { bias = padded }
            if let within { conditions.append(within) }
        }
        if let kept = conditions.dropFirst().reduce(conditions.first, { $0?.and($1) }) {
            bias = kept.select(bias ?? c.graph.scalar(0, c.x.elementType), -.infinity)
        }
        // If only later keys are left out, every query sees the first key.
        let isWhole = ["left_window_size", "right_window_size"].allSatisfy { c.int($0, -1) < 0 } && !c.isGiven(3) && !c.isGiven(6)
        guard let all = bias, !isWhole else { return (bias, nil) }
        let greatest = all.apply("ReduceMax", [c.graph.integers([-1])], extents: all.extents.map { $0.dropLast() + [.fixed(1)] })
        let isSeen = greatest > -.infinity
        return (isSeen.select(all, 0), isSeen)
    }

    /// Returns conditions, which broadcast to `[B, heads, S, T]`, that tell which keys each query may see apart from its mask. The
    /// positions of the queries among the keys begin after the past, or such that the last query has the position of the last key that is
    /// no padding.
    private static func allowed(_ c: RuleContext, _ query: Symbol, _ key: Symbol) -> [Symbol] {
        let isCausal = c.int("is_causal") == 1
        let (left, right) = (c.int("left_window_size", -1), c.int("right_window_size", -1))
        let count = c.optionalInput(6).map { $0.cast(to: .int64).unsqueezed([1, 2, 3]) }
        let columns = places(key).unsqueezed([0])
        var conditions = count.map { [columns < $0] } ?? []
        guard isCausal || left >= 0 || right >= 0 else { return conditions }
        var rows = places(query).unsqueezed([1])
        if let past = c.optionalInput(4) { rows = rows + past.extent(2) }
        if let count { rows = rows + (count - query.extent(2)) }
        if isCausal { conditions.append(columns <= rows) }
        if left >= 0 { conditions.append(rows - Double(left) <= columns) }
        if right >= 0 { conditions.append(columns <= rows + Double(right)) }
        return conditions
    }

    /// Returns the numbers `0, 1, ...` of the elements along the third axis.
    private static func places(_ value: Symbol) -> Symbol {
        let graph = value.graph
        func number(_ value: Int64) -> Symbol { graph.constant(.int64, [], [value]) }
        return graph.emit(
            "Range", [number(0), value.extent(2).squeezed([0]), number(1)], type: .int64, extents: [value.extents?[2] ?? .unknown])
    }

    /// Returns the mask, filled up if it ends before the last key, and which keys it covers; nil if it covers all. A single column is that
    /// of the first key.
    private static func covering(_ key: Symbol, _ mask: Symbol) -> (mask: Symbol, within: Symbol?) {
        if let total = key.extents?[2], total != .unknown, total == mask.extents?.last { return (mask, nil) }
        let graph = mask.graph
        let missing = graph.integers([0]).concatenated([key.extent(2) - mask.extent(-1)])
        let extents: [Dimension]? = mask.extents.map { $0.dropLast() + [key.extents?[2] ?? .unknown] }
        let padded = mask.apply("Pad", [missing, nil, graph.integers([-1])], extents: extents)
        return (padded, mask.elementType == .bool ? nil : places(key) < mask.extent(-1))
    }
}
