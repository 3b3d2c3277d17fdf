import ONNX
import Tensors

/// Expands ONNX operator CausalConvWithState-27, which convolves each channel of `[N, C, L]`, preceded by the last `K - 1` elements of the
/// state, with its own kernel in `[C, 1, K]`.
enum CausalConvolutionExpansion {
    @Sendable static func outputs(_ c: RuleContext) throws(AutodiffError) -> [Symbol?] {
        guard let weights = c.b.fixedExtents, weights.count == 3 else { throw c.refused("the extents of its kernel are not known") }
        let (channels, kernel) = (weights[0], weights[2])
        let whole = c.optionalInput(3).map { $0.concatenated([c.x], axis: 2) } ?? c.x.padded(axes: [2], before: [kernel - 1], after: [0])
        let attributes = [Attribute("kernel_shape", .ints([Int64(kernel)])), Attribute("group", .int(Int64(channels)))]
        var result = whole.apply("Conv", [c.b, c.optionalInput(2)], attributes, extents: c.y.extents)
        switch c.string("activation", "none") {
        case "none": break
        case "silu", "swish": result = result * result.sigmoid
        case let activation: throw c.refused("its activation '\(activation)' is not known")
        }
        // There is no state for a kernel of one element.
        let last = Int(Int32.max)
        return [result, whole.sliced([2], from: [kernel == 1 ? last : 1 - kernel], to: [last], steps: [1])]
    }
}
