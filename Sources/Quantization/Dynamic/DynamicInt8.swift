import ONNX

/// Computes products with constant weights in integers: weights are int8 with a scale for each result, and activations become uint8 as they
/// come. It is for MatMul and Gemm. Conv is left out on purpose: ConvInteger is slower than Conv in float (0.75 to 0.92 times as fast,
/// measured on ResNet-50).
package struct DynamicInt8: Quantizer {
    /// Says which activations have a scale in common.
    package enum Scales: Sendable {
        /// All of a tensor have one (DynamicQuantizeLinear), for which engines have fused kernels. A row then depends a little on the other
        /// rows of its batch.
        case tensor
        /// Each vector along the last axis has its own, so that a row gives the same bits in every batch.
        case row
    }

    package var exclude: Set<String> = []
    package var scales = Scales.tensor
    package var levels = WeightLevels.full
    /// Tells whether tables that Gather reads are stored as int8, with a scale for each row of the table.
    package var includesEmbeddings = true
    /// What the channels of the inputs had in calibration. Where it is given, biases take up the error that rounding the weights makes in
    /// the mean.
    package var corrected: ChannelStatistics?

    package init() {}

    package var leastOperatorSet: Int64 { 11 }

    package func rewrite(_ rewriting: inout GraphRewriting) throws(QuantizationError) {
        var products = IntegerProducts(self)
        var embeddings = Embeddings()
        for node in rewriting.source {
            if let product = rewriting.weighted(node, ["MatMul", "Gemm"]), try products.replace(product, in: &rewriting) { continue }
            if includesEmbeddings, try embeddings.replace(node, in: &rewriting) { continue }
            rewriting.append(node)
        }
    }
}
