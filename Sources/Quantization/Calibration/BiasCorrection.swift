import ONNX
import Tensors

// Rounding a weight changes results by the error of the weight times the input. What that is in the mean over the calibration rows is known
// from the means of the input's channels, product by product, and is added to the bias. (Nagel et al., Data-Free Quantization Through
// Weight Equalization and Bias Correction, 2019, with measured means.) At the border of a padded Conv it is a little too much.

extension GraphRewriting {
    /// Returns what to add to each result of a product whose weight is rounded in this way; nil where there are no statistics.
    func correction(
        _ product: WeightedNode, _ layout: WeightGrid.Layout, _ levels: ClosedRange<Int>, _ channels: ChannelStatistics?
    ) throws(QuantizationError) -> [Float]? {
        guard let channels else { return nil }
        let key = product.channelKey, shape = product.shape
        guard let means = channels.means(key) else { throw .calibration(value: key.value, problem: .missing) }
        // A filter of a Conv in groups reads only the channels of its group.
        let perGroup = shape[product.depthAxis], groups = max(means.count / max(perGroup, 1), 1)
        guard perGroup * groups == means.count, product.columns % groups == 0 else {
            throw .calibration(value: key.value, problem: .channels(found: means.count, expected: perGroup))
        }
        func inner(_ axis: Int) -> Int { shape[(axis + 1)...].reduce(1, *) }
        let (depthInner, columnInner, perColumn) = (inner(product.depthAxis), inner(product.outputAxis), product.columns / groups)
        return try tensor(product.weight).withFloats { (numbers) throws(QuantizationError) -> [Float]? in
            guard let grid = WeightGrid(numbers, shape, layout, levels) else { return nil }
            var errors = [Double](repeating: 0, count: product.columns)
            for (position, number) in numbers.enumerated() {
                let column = position / columnInner % product.columns
                let channel = position / depthInner % perGroup + column / perColumn * perGroup
                errors[column] += Double(number - grid.rounded(number, at: position)) * means[channel]
            }
            return errors.map { Float($0) * product.alpha }
        }
    }

    /// Returns the bias of a product in numbers, times beta and with a correction; nil where there is none, or not one number for each
    /// result.
    func biasNumbers(of product: WeightedNode, plus correction: [Float]?) throws(QuantizationError) -> [Float]? {
        guard let bias = product.bias, product.beta != 0 else { return correction }
        guard let stored = constant(bias), stored.elementType == .float32, stored.shape == [product.columns],
            let numbers = try tensor(stored).values(as: Float.self)
        else { return nil }
        return zip(numbers, correction ?? [Float](repeating: 0, count: numbers.count)).map { $0 * product.beta + $1 }
    }

    /// Returns the name of what is added to a product: its bias times beta, with a correction; nil where that is nothing.
    mutating func bias(of product: WeightedNode, plus correction: [Float]?) throws(QuantizationError) -> String? {
        let bias = product.bias.flatMap { product.beta == 0 ? nil : $0 }
        if correction == nil, bias == nil || product.beta == 1 { return bias }
        let stem = product.node.outputs[0]
        if let numbers = try biasNumbers(of: product, plus: correction) { return try floats(numbers, stem: stem + "/bias") }
        guard let bias else { return nil }
        let beta = constant(Tensor(.float32, [], [product.beta]), stem: stem + "/beta")
        let scaled = product.beta == 1 ? bias : add("Mul", [bias, beta], stem: stem + "/bias")
        guard let correction else { return scaled }
        return add("Add", [scaled, try floats(correction, stem: stem + "/correction")], stem: stem + "/corrected")
    }

    /// Appends a product that stays an operator in float, and what corrects it.
    mutating func append(_ node: Node, of product: WeightedNode, correction: [Float]?) throws(QuantizationError) {
        guard let correction else {
            append(node)
            return
        }
        var node = node
        if node.qualifiedType == "MatMul" {
            let result = node.outputs[0]
            node.outputs[0] = fresh(result + "/uncorrected")
            append(node)
            _ = add("Add", [node.outputs[0], try floats(correction, stem: result + "/correction")], output: result)
            return
        }
        let name = try bias(of: product, plus: correction)
        node.inputs = Array(node.inputs.prefix(2)) + [name ?? ""]
        node[attribute: "beta"] = nil
        append(node)
    }
}
