import ONNX
import Tensors

extension OperatorTable {
    static let normalization: [OperatorGradient] = [
        .rule("BatchNormalization", weights: [1, 2], by: batchNormalization).withoutGradient { node in
            // In training, running statistics are only used for the next running statistics.
            node.attribute("training_mode")?.int == 1 && node.outputs.dropFirst().allSatisfy(\.isEmpty) ? [3, 4] : []
        },
        .rule("LayerNormalization", weights: [1, 2], by: layerNormalization),
        .rule("InstanceNormalization", weights: [1, 2], by: instanceNormalization),
        .rule("GroupNormalization", weights: [1, 2], by: groupNormalization),
        .rule("RMSNormalization", weights: [1], by: rootMeanSquare),
        .rule("MeanVarianceNormalization", by: meanVariance),
        .rule("LpNormalization", .hasPole, by: lpNormalization),
        .rule("LRN", by: localResponse),
        .rule("Dropout", withoutGradient: [1, 2], by: dropout),
    ]

    /// Returns the gradient of `normalized = (x - mean) * inverse` by `x`, with mean and deviation over `axes`: the cotangent without its
    /// mean and without its part along `normalized`, since a shift and a scaling of `x` change nothing.
    private static func throughNormalization(_ cotangent: Symbol, _ normalized: Symbol, _ inverse: Symbol, _ axes: [Int]) -> Symbol {
        let along = (cotangent * normalized).mean(axes)
        return (cotangent - cotangent.mean(axes) - normalized * along) * inverse
    }

    /// Returns `x` minus its mean, and 1 over its deviation, both over `axes`.
    private static func statistics(_ x: Symbol, _ axes: [Int], epsilon: Double) -> (centered: Symbol, inverse: Symbol) {
        let centered = x - x.mean(axes)
        return (centered, (centered.squared.mean(axes) + epsilon).sqrt.reciprocal)
    }

    /// Reshapes `[C]` so that it broadcasts to `[N, C, ...]` of this rank.
    private static func perChannel(_ value: Symbol, rank: Int) -> Symbol {
        rank <= 2 ? value : value.reshaped([-1] + [Int](repeating: 1, count: rank - 2)).stating(channels(value, rank))
    }

    private static func channels(_ value: Symbol, _ rank: Int) -> [Dimension] {
        [value.extents?.first ?? .unknown] + [Dimension](repeating: .fixed(1), count: rank - 2)
    }

    private static func allButChannels(_ rank: Int) -> [Int] { [0] + Array(2..<max(rank, 2)) }

    private static func batchNormalization(_ c: RuleContext) throws(AutodiffError) -> [Symbol?] {
        let rank = try c.rank()
        let axes = allButChannels(rank)
        let epsilon = c.float("epsilon", 1e-5)
        let scale = perChannel(c.input(1), rank: rank)
        if c.int("training_mode") == 1 {
            let (centered, inverse) = statistics(c.x, axes, epsilon: epsilon)
            // There are sums over a channel; what is left for each element is a sum of three terms with factors of the channel.
            let along = (c.dy * centered).sum(axes), whole = c.dy.sum(axes)
            let count = OperatorTable.ratio(c.x, to: c.input(1))
            let slope = along * inverse.squared / count
            var toInput = (c.dy - whole / count - centered * slope) * (inverse * scale)
            // The next running statistics are `momentum` times the old ones plus `1 - momentum` times those of the batch, whose variance
            // has the denominator `n`.
            let momentum = c.float("momentum", 0.9)
            let toMean = c.cotangents.count > 1 ? c.cotangents[1] : nil, toVariance = c.cotangents.count > 2 ? c.cotangents[2] : nil
            if let toMean { toInput = toInput + perChannel(toMean, rank: rank) * (1 - momentum) / count }
            if let toVariance { toInput = toInput + centered * (perChannel(toVariance, rank: rank) * (2 * (1 - momentum)) / count) }
            func kept(_ cotangent: Symbol?, _ position: Int) -> Symbol { cotangent.map { $0 * momentum } ?? c.input(position).zeros }
            return [
                toInput, (along * inverse).reshaped(like: c.input(1)), whole.reshaped(like: c.input(2)), kept(toMean, 3),
                kept(toVariance, 4),
            ]
        }
        let inverse = (c.input(4) + epsilon).sqrt.reciprocal
        let factor = c.input(1) * inverse
        let toShift = c.dy.sum(axes, keep: false)
        let along = (c.dy * (c.x - perChannel(c.input(3), rank: rank))).sum(axes, keep: false)
        return [
            c.dy * perChannel(factor, rank: rank), along * inverse, toShift, -(toShift * factor), along * factor * inverse.squared * -0.5,
        ]
    }

    /// Differentiates LayerNormalization-17, whose mean and inverse deviation are outputs of the operator itself.
    private static func layerNormalization(_ c: RuleContext) throws(AutodiffError) -> [Symbol?] {
        let rank = try c.rank()
        let axes = Array(c.axis(c.int("axis", -1), rank: rank)..<rank)
        let normalized: Symbol, inverse: Symbol
        if c.x.elementType == .float64 {
            // The outputs of the operator are of single precision.
            let own = statistics(c.x, axes, epsilon: c.float("epsilon", 1e-5))
            (normalized, inverse) = (own.centered * own.inverse, own.inverse)
        } else {
            let extents = c.x.extents.map { known in known.enumerated().map { axes.contains($0) ? .fixed(1) : $1 } }
            let mean = c.output(1, type: .float32, extents: extents).cast(to: c.x.elementType)
            inverse = c.output(2, type: .float32, extents: extents).cast(to: c.x.elementType)
            normalized = (c.x - mean) * inverse
        }
        var toInput = throughNormalization(c.dy * c.input(1), normalized, inverse, axes)
        // Mean and inverse deviation may also be used by other nodes.
        let count = OperatorTable.ratio(c.x, to: inverse)
        if c.cotangents.count > 1, let toMean = c.cotangents[1] { toInput = toInput + toMean.cast(to: c.x.elementType) / count }
        if c.cotangents.count > 2, let toInverse = c.cotangents[2] {
            toInput = toInput - normalized * (toInverse.cast(to: c.x.elementType) * inverse.squared / count)
        }
        let toScale = c.needs(1) ? Broadcasting.reduce(c.dy * normalized, to: c.input(1)) : nil
        return [toInput, toScale, c.needs(2) ? Broadcasting.reduce(c.dy, to: c.input(2)) : nil]
    }

    private static func instanceNormalization(_ c: RuleContext) throws(AutodiffError) -> [Symbol?] {
        let rank = try c.rank()
        let (centered, inverse) = statistics(c.x, Array(2..<rank), epsilon: c.float("epsilon", 1e-5))
        let normalized = centered * inverse
        let toInput = throughNormalization(c.dy, normalized, inverse, Array(2..<rank)) * perChannel(c.input(1), rank: rank)
        let axes = allButChannels(rank)
        return [toInput, (c.dy * normalized).sum(axes, keep: false), c.dy.sum(axes, keep: false)]
    }

    /// Differentiates GroupNormalization-21, with scale and bias `[C]`.
    private static func groupNormalization(_ c: RuleContext) throws(AutodiffError) -> [Symbol?] {
        let rank = try c.rank()
        let groups = c.graph.integers([0, c.int("num_groups"), -1])
        let (centered, inverse) = statistics(c.x.reshaped(to: groups), [2], epsilon: c.float("epsilon", 1e-5))
        let grouped = centered * inverse
        let normalized = grouped.reshaped(like: c.x)
        let scaled = (c.dy * perChannel(c.input(1), rank: rank)).reshaped(to: groups)
        let toInput = throughNormalization(scaled, grouped, inverse, [2]).reshaped(like: c.x)
        let axes = allButChannels(rank)
        return [toInput, (c.dy * normalized).sum(axes, keep: false), c.dy.sum(axes, keep: false)]
    }

    /// Differentiates RMSNormalization-23: `x / sqrt(mean(x^2) + epsilon) * scale`.
    private static func rootMeanSquare(_ c: RuleContext) throws(AutodiffError) -> [Symbol?] {
        let rank = try c.rank()
        let axes = Array(c.axis(c.int("axis", -1), rank: rank)..<rank)
        let inverse = (c.x.squared.mean(axes) + c.float("epsilon", 1e-5)).sqrt.reciprocal
        let normalized = c.x * inverse
        let scaled = c.dy * c.b
        let toInput = (scaled - normalized * (scaled * normalized).mean(axes)) * inverse
        return [toInput, c.needs(1) ? Broadcasting.reduce(c.dy * normalized, to: c.b) : nil]
    }

    /// Differentiates MeanVarianceNormalization. The function's own epsilon, which is added to the deviation, is `1e-9`.
    private static func meanVariance(_ c: RuleContext) -> [Symbol?] {
        let axes = c.ints("axes") ?? [0, 2, 3]
        let centered = c.x - c.x.mean(axes)
        let inverse = (centered.squared.mean(axes).sqrt + 1e-9).reciprocal
        return [throughNormalization(c.dy, c.y, inverse, axes)]
    }

    /// Differentiates `x / |x|_p` along an axis, with `p` 1 or 2.
    private static func lpNormalization(_ c: RuleContext) -> [Symbol?] {
        let axis = [c.int("axis", -1)]
        let isFirst = c.int("p", 2) == 1
        let norm = isFirst ? c.x.abs.sum(axis) : c.x.squared.sum(axis).sqrt
        let along = (c.dy * c.y).sum(axis)
        // A norm of 0 gives 0.
        return [(c.dy - along * (isFirst ? c.x.sign : c.y)) * norm.equals(0).select(0, norm.reciprocal)]
    }

    /// Differentiates `y = x / s^beta` with `s = bias + alpha / size * (sum of squares over neighbouring channels)`.
    private static func localResponse(_ c: RuleContext) -> [Symbol?] {
        let size = c.int("size", 1)
        let (alpha, beta) = (c.float("alpha", 1e-4), c.float("beta", 0.75))
        func neighbours(_ value: Symbol, before: Int, after: Int) -> Symbol {
            let padded = value.padded(axes: [1], before: [before], after: [after])
            let parts = (0..<size).map { offset in
                padded.sliced([1], from: [offset], to: [offset == size - 1 ? Int(Int32.max) : offset - size + 1], steps: [1])
                    .stating(value.extents)
            }
            return parts.dropFirst().reduce(parts[0], +)
        }
        let (before, after) = ((size - 1) / 2, size - 1 - (size - 1) / 2)
        let share = alpha / Double(size)
        let scale = neighbours(c.x.squared, before: before, after: after) * share + c.float("bias", 1)
        let outer = neighbours(c.dy * c.y / scale, before: after, after: before)
        return [c.dy * scale.power(-beta) - c.x * outer * (2 * share * beta)]
    }

    /// Gives the kept elements the cotangent times `1 / (1 - ratio)`. In inference all are kept and the factor is 1.
    private static func dropout(_ c: RuleContext) -> [Symbol?] {
        guard c.isGiven(2), c.number(2) != 0 else { return [c.dy] }
        let mask = c.output(1, type: .bool, extents: c.x.extents)
        let ratio = c.optionalInput(1)?.cast(to: c.x.elementType) ?? c.graph.scalar(0.5, c.x.elementType)
        var factor = (1 - ratio).reciprocal
        if c.number(2) == nil { factor = c.input(2).select(factor, 1) }
        return [c.dy * (mask.mask(c.x.elementType) * factor)]
    }
}
