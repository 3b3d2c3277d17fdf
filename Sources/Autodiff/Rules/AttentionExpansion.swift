import ONNX
import Tensors

/// Attention-23: `softmax(cap(scale Q K^T) + mask) V` for each head.
enum AttentionExpansion {
    /// What is masked out gets this instead of minus infinity, so that a row without any key stays a number.
    private static let excluded = -1e30

    @Sendable static func rule(_ c: RuleContext) throws(AutodiffError) -> [Symbol?] {
        if c.isGiven(6) { throw c.refused("it is given how many keys are padding (nonpad_kv_seqlen)") }
        for name in ["left_window_size", "right_window_size"] where c.int(name, -1) >= 0 { throw c.refused("it attends in a window (\(name))") }
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
        // What is left out gets a bias, which costs less than a selection; a row without any key gets no weights at all.
        var allowed: Symbol?
        if let mask = c.optionalInput(3) {
            if mask.elementType == .bool { allowed = mask } else { scores = scores + mask }
        }
        if c.int("is_causal") == 1 {
            let earlier = causal(query, key, past: c.optionalInput(4))
            allowed = allowed.map { $0.and(earlier) } ?? earlier
        }
        let kept = allowed?.mask(c.x.elementType)
        if let kept { scores = scores + (1 - kept) * excluded }
        var weights = scores.apply("Softmax", [], [Attribute("axis", .int(-1))], extents: scores.extents)
        if let kept { weights = weights * kept }
        let mixed = weights.matrixProduct(value, extents: scoreExtents(query, key).flatMap { known in value.extents.map { known.dropLast() + [$0[3]] } })
        let inner: Symbol? = switch c.int("qk_matmul_output_mode") {
        case 0: raw
        case 3: weights
        default: nil
        }
        let result = isFlat ? mixed.transposed([0, 2, 1, 3]).reshaped(to: c.graph.integers([0, 0, -1]), extents: c.y.extents) : mixed
        return [result, presentKey, presentValue, inner]
    }

    /// `[B, S, heads * D]` as `[B, heads, S, D]`.
    private static func split(_ value: Symbol, _ heads: Int?) -> Symbol {
        guard let heads, heads > 0 else { return value }
        let extents = value.extents.map { [$0[0], $0[1], .fixed(heads), $0[2].value.map { .fixed($0 / heads) } ?? .unknown] }
        return value.reshaped(to: value.graph.integers([0, 0, heads, -1]), extents: extents).transposed([0, 2, 1, 3])
    }

    private static func grown(_ value: Symbol) -> [Dimension]? { value.extents.map { [$0[0], $0[1], .unknown, $0[3]] } }

    /// Each head `times` times in a row: groups of query heads share a key head.
    private static func repeated(_ value: Symbol, _ times: Int) -> Symbol {
        let wide = value.unsqueezed([2]).apply(
            "Expand", [value.graph.integers([1, 1, times, 1, 1])], extents: value.extents.map { [$0[0], $0[1], .fixed(times), $0[2], $0[3]] })
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

    /// `[S, T]`: a query sees the keys up to its own place, which begins behind the past.
    private static func causal(_ query: Symbol, _ key: Symbol, past: Symbol?) -> Symbol {
        let graph = query.graph
        func range(_ length: Symbol) -> Symbol {
            graph.emit(
                "Range", [graph.constant(.int64, [], [Int64(0)]), length.squeezed([0]), graph.constant(.int64, [], [Int64(1)])], type: .int64,
                extents: [.unknown])
        }
        var rows = range(query.extent(2)).unsqueezed([1])
        if let past { rows = rows + past.extent(2) }
        return range(key.extent(2)).unsqueezed([0]) <= rows
    }
}
