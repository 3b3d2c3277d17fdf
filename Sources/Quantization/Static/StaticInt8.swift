import ONNX
import Tensors

/// Computes products in integers with ranges that are known beforehand: activations are uint8 with a scale and a zero of their own, weights
/// int8 with a scale for each channel (U8S8, which processors of the x86 line compute fastest; with int8 activations it would be no faster
/// than float). The form is QuantizeLinear and DequantizeLinear around operators in float, which engines fuse to operators on integers.
package struct StaticInt8: Quantizer {
    static let leastOperatorSet: Int64 = 19

    package var exclude: Set<String> = []
    package var levels = WeightLevels.full
    /// The ranges that a `Calibration` of the same model with the same excluded nodes found.
    package var ranges: ActivationRanges
    /// What the channels of the inputs had in calibration. Where it is given, biases take up the error that rounding the weights makes in
    /// the mean.
    package var corrected: ChannelStatistics?

    package init(_ ranges: ActivationRanges) { self.ranges = ranges }

    /// Scales by channel are new in operator set 13; the ONNX project's evaluator has them from 19 on.
    package var leastOperatorSet: Int64 { Self.leastOperatorSet }

    package func rewrite(_ rewriting: inout GraphRewriting) throws(QuantizationError) {
        var pairs = IntegerPairs(values: QuantizedValues(&rewriting), quantizer: self)
        for value in pairs.values.inOrder where rewriting.index.producers[value] == nil { try pairs.quantize(value, in: &rewriting) }
        for (position, node) in rewriting.source.enumerated() {
            try pairs.append(node, at: position, in: &rewriting)
            for output in node.outputs where pairs.values.names.contains(output) { try pairs.quantize(output, in: &rewriting) }
        }
    }
}

/// Writes QuantizeLinear and DequantizeLinear, in pairs for activations and alone for weights.
private struct IntegerPairs {
    let values: QuantizedValues
    let quantizer: StaticInt8
    /// The names of values after the pair, with the scale.
    private var rounded: [String: (name: String, scale: Float)] = [:]
    private var constants: [String: (scale: String, zero: String)] = [:]
    private var weights: [WeightKey: (name: String, scales: [Float])] = [:]

    private struct WeightKey: Hashable {
        let name: String
        let axis: Int
    }

    init(values: QuantizedValues, quantizer: StaticInt8) {
        self.values = values
        self.quantizer = quantizer
    }

    /// Appends the pair after a value.
    mutating func quantize(_ value: String, in rewriting: inout GraphRewriting) throws(QuantizationError) {
        let root = values.root(value)
        guard let range = quantizer.ranges[root] else { throw .calibration(value: root, problem: .missing) }
        // Zero must be a level: it is what padding adds and what a Relu cuts to.
        let low = min(range.low, 0), high = max(range.high, 0)
        guard low.isFinite, high.isFinite, (high - low).isFinite else { throw .calibration(value: root, problem: .notFinite) }
        let scale = (high - low) / 255
        guard scale >= .leastNormalMagnitude else { throw .calibration(value: root, problem: .constant(low)) }
        let zero = UInt8(min(max((-low / scale).rounded(.toNearestOrEven), 0), 255))
        let names =
            constants[root]
            ?? (
                rewriting.constant(Tensor(.float32, [], [scale]), stem: root + "/scale"),
                rewriting.constant(Tensor(.uint8, [], [zero]), stem: root + "/zero")
            )
        constants[root] = names
        let integers = rewriting.add("QuantizeLinear", [value, names.scale, names.zero], stem: value + "/uint8")
        rounded[value] = (rewriting.add("DequantizeLinear", [integers, names.scale, names.zero], stem: value + "/rounded"), scale)
    }

    /// Appends a node, with inputs that went through integers where it is to read such.
    mutating func append(_ node: Node, at position: Int, in rewriting: inout GraphRewriting) throws(QuantizationError) {
        var node = node
        let product = values.products[position]
        let weight = try product.map { (product) throws(QuantizationError) in try self.weight(product, in: &rewriting) } ?? nil
        for (input, value) in node.inputs.enumerated() {
            let isIntegral = weight != nil ? input == 0 : values.between.contains(position)
            if isIntegral || values.exclusive.contains(value), let name = rounded[value]?.name { node.inputs[input] = name }
        }
        guard let product, let weight else {
            rewriting.append(node)
            return
        }
        node.inputs[1] = weight.name
        rewriting.noteQuantized(node.label)
        let correction = try rewriting.correction(
            product, .channels(axis: product.outputAxis), quantizer.levels.range, quantizer.corrected)
        let scale = rounded[product.node.inputs[0]]?.scale ?? 1
        if let bias = try self.bias(product, correction, weight.scales.map { $0 * scale }, in: &rewriting) {
            node.inputs = Array(node.inputs.prefix(2)) + [bias]
            rewriting.append(node)
        } else {
            try rewriting.append(node, of: product, correction: correction)
        }
    }

    private mutating func weight(
        _ product: WeightedNode, in rewriting: inout GraphRewriting
    ) throws(QuantizationError) -> (name: String, scales: [Float])? {
        let stem = product.weight.name
        let key = WeightKey(name: stem, axis: product.outputAxis)
        if let known = weights[key] { return known }
        let grid = try rewriting.tensor(product.weight).withFloats { (numbers) throws(QuantizationError) -> (String, [Float])? in
            guard let grid = WeightGrid(numbers, product.shape, .channels(axis: product.outputAxis), quantizer.levels.range) else {
                return nil
            }
            return (try rewriting.int8(numbers, grid, stem: stem + "/int8"), grid.scales)
        }
        guard let (integers, scales) = grid else {
            rewriting.leave(product.node.label, .notFinite)
            return nil
        }
        let zeros = rewriting.constant(
            Tensor(.int8, [product.columns], [Int8](repeating: 0, count: product.columns)), stem: stem + "/zeros")
        let name = rewriting.add(
            "DequantizeLinear", [integers, try rewriting.floats(scales, stem: stem + "/scales"), zeros],
            [Attribute("axis", .int(Int64(product.outputAxis)))], stem: stem + "/float")
        weights[key] = (name, scales)
        return (name, scales)
    }

    /// Adds a bias as int32 with the scale of the sums, as kernels on integers take it; nil where there is none of that form, or beyond
    /// int32.
    private func bias(
        _ product: WeightedNode, _ correction: [Float]?, _ scales: [Float], in rewriting: inout GraphRewriting
    ) throws(QuantizationError) -> String? {
        guard product.node.qualifiedType != "MatMul", product.alpha == 1, product.beta == 1,
            let numbers = try rewriting.biasNumbers(of: product, plus: correction)
        else { return nil }
        var integers: [Int32] = []
        for (number, scale) in zip(numbers, scales) {
            guard let integer = Int32(exactly: (Double(number) / Double(scale)).rounded(.toNearestOrEven)) else { return nil }
            integers.append(integer)
        }
        let stem = product.node.outputs[0] + "/bias"
        let name = rewriting.constant(Tensor(.int32, [product.columns], integers), stem: stem + "/int32")
        return rewriting.dequantize(name, try rewriting.floats(scales, stem: stem + "/scales"), axis: 0, stem: stem + "/float")
    }
}
