import ONNX
import Tensors

/// Stores weights as int8 or int4 and computes in float32: a DequantizeLinear before each product, which engines do ahead or within it.
/// Weights of MatMul and Gemm have a scale for each block along their sums. Where no block divides the sums, which OpenVINO wants, they are
/// int8 with a scale for each result; those of Conv are so too. Tables that Gather reads are int8 with a scale for each row.
///
/// Where ONNX Runtime and OpenVINO fuse weights in blocks with a MatMul, they also round the activations to int8, by the same blocks:
/// results then differ by 0.5 to 0.8 % from those in float32.
package struct WeightOnly: Quantizer {
    package enum Format: Sendable { case int8, int4 }

    package var exclude: Set<String> = []
    package var format: Format
    /// The number of weights with one scale: a power of two, and 16 or more, for which engines have kernels. Where it does not divide the
    /// sums of a product, the next power of two below it counts.
    package var blockSize = 32
    /// What the channels of the inputs had in calibration. Where it is given, biases take up the error that rounding the weights makes in
    /// the mean.
    package var corrected: ChannelStatistics?

    package init(_ format: Format) { self.format = format }

    /// Blocks and int4 are new in operator set 21.
    package var leastOperatorSet: Int64 { 21 }

    package func rewrite(_ rewriting: inout GraphRewriting) throws(QuantizationError) {
        guard blockSize >= 16, blockSize & (blockSize - 1) == 0 else {
            throw .invalidOption(name: "the block size", value: "\(blockSize)", reason: "it must be a power of two and 16 or more")
        }
        var embeddings = Embeddings()
        // The first reader of a weight decides along which axis it has its scales.
        var floats: [String: (name: String, first: WeightedNode)] = [:]
        for var node in rewriting.source {
            if try embeddings.replace(node, in: &rewriting) { continue }
            guard let product = rewriting.weighted(node, ["MatMul", "Gemm", "Conv"]) else {
                rewriting.append(node)
                continue
            }
            var float = floats[product.weight.name]
            if float == nil, let name = try dequantized(product, in: &rewriting) { float = (name, product) }
            guard let float else {
                rewriting.append(node)
                continue
            }
            floats[product.weight.name] = float
            node.inputs[1] = float.name
            rewriting.noteQuantized(node.label)
            let (layout, levels) = form(float.first)
            try rewriting.append(node, of: product, correction: rewriting.correction(product, layout, levels, corrected))
        }
    }

    private func form(_ product: WeightedNode) -> (WeightGrid.Layout, ClosedRange<Int>) {
        let sizes = sequence(first: blockSize) { $0 / 2 }.prefix { $0 >= 16 }
        guard product.node.qualifiedType != "Conv", let size = sizes.first(where: { product.depth % $0 == 0 && product.depth > $0 }) else {
            return (.channels(axis: product.outputAxis), WeightLevels.full.range)
        }
        return (.blocks(axis: product.depthAxis, size: size), format == .int4 ? -8...7 : WeightLevels.full.range)
    }

    /// Adds a weight in integers and the node that makes it float again, whose result it returns; nil where the weight stays as it is.
    private func dequantized(_ product: WeightedNode, in rewriting: inout GraphRewriting) throws(QuantizationError) -> String? {
        let (layout, levels) = form(product)
        let isNarrow = levels.count == 16
        let stem = product.weight.name
        return try rewriting.tensor(product.weight).withFloats { (numbers) throws(QuantizationError) -> String? in
            guard let grid = WeightGrid(numbers, product.shape, layout, levels) else {
                rewriting.leave(product.node.label, .notFinite)
                return nil
            }
            let integers =
                try isNarrow
                ? rewriting.int4(numbers, grid, stem: stem + "/int4") : rewriting.int8(numbers, grid, stem: stem + "/int8")
            let scales = try rewriting.floats(grid.scales, grid.scaleShape, stem: stem + "/scales")
            switch layout {
            case .channels(let axis): return rewriting.dequantize(integers, scales, axis: axis, stem: stem + "/float")
            case .blocks(let axis, let size):
                return rewriting.dequantize(integers, scales, axis: axis, blockSize: size, stem: stem + "/float")
            }
        }
    }
}

extension GraphRewriting {
    /// Appends a DequantizeLinear without a zero point, and returns its result.
    mutating func dequantize(
        _ integers: String, _ scales: String, axis: Int, blockSize: Int? = nil, stem: String
    ) -> String {
        let block = blockSize.map { [Attribute("block_size", .int(Int64($0)))] } ?? []
        return add("DequantizeLinear", [integers, scales], [Attribute("axis", .int(Int64(axis)))] + block, stem: stem)
    }
}
