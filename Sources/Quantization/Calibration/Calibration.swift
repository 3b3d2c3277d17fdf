package import ONNX
package import Tensors

/// Finds the ranges of a model's activations from rows that somebody else runs: `model` is the float model with the values that are needed
/// among its outputs, and each value that `values` names is fed in, row after row or in batches. Memory does not depend on the number of
/// rows, and the ranges not on how they are cut into batches.
package struct Calibration: Sendable {
    /// The names of the values to feed in, in the order of the graph; some are inputs of the model, and all others outputs of `model`.
    package let values: [String]
    /// The float model with the values among its outputs.
    package let model: Model
    /// What the channels had, for `BiasCorrection` and `Balancing`.
    package private(set) var channels = ChannelStatistics()

    private let method: RangeMethod
    private let leastRows: Int
    private let ranged: [String]
    private let keys: [String: [ChannelStatistics.Key]]
    private var histograms: [String: Histogram] = [:]
    private var rows: [String: Int] = [:]

    /// - Parameter exclude: the nodes that will stay in float, whose values need no range.
    package init(
        _ model: Model, method: RangeMethod, exclude: Set<String> = [], leastRows: Int = 8
    ) throws(QuantizationError) {
        if case .percentile(let share) = method, !(share > 50 && share <= 100) {
            throw .invalidOption(name: "the percentile", value: "\(share)", reason: "it must be more than 50 and at most 100")
        }
        let prepared = try model.prepared(leastOperatorSet: StaticInt8.leastOperatorSet)
        var rewriting = try GraphRewriting(prepared, store: EmbeddedWeights(), exclude: exclude)
        let quantized = QuantizedValues(&rewriting)
        var keys: [String: [ChannelStatistics.Key]] = [:]
        for product in quantized.products.values {
            let key = product.channelKey
            if !(keys[key.value] ?? []).contains(key) { keys[key.value, default: []].append(key) }
        }
        // A value that has the scale of another gets one of its own where the nodes before it stay in float.
        let ranged = quantized.inOrder
        guard !ranged.isEmpty else { throw .nothingToQuantize(left: rewriting.report.left) }
        values = ranged + keys.keys.filter { !ranged.contains($0) }.sorted()
        self.model = try prepared.exposing(values)
        self.method = method
        self.leastRows = leastRows
        self.ranged = ranged
        self.keys = keys
    }

    /// Adds what a value was in some rows, which lie along its first axis.
    package mutating func observe(_ value: String, _ tensor: Tensor) throws(QuantizationError) {
        guard values.contains(value) else { throw .calibration(value: value, problem: .notAsked) }
        guard tensor.elementType == .float32 else { throw .calibration(value: value, problem: .elementType(tensor.elementType)) }
        try tensor.withFloats { (numbers) throws(QuantizationError) in
            guard numbers.allSatisfy(\.isFinite) else { throw .calibration(value: value, problem: .notFinite) }
            for key in keys[value] ?? [] {
                if let before = channels.add(numbers, tensor.shape.dimensions, key) {
                    let axis = key.axis < 0 ? tensor.shape.rank + key.axis : key.axis
                    throw .calibration(value: value, problem: .channels(found: tensor.shape.dimensions[axis], expected: before))
                }
            }
            histograms[value, default: Histogram()].add(numbers)
            if !numbers.isEmpty { rows[value, default: 0] += tensor.shape.dimensions.first ?? 1 }
        }
    }

    /// Returns the ranges of all values; throws where one was not fed in, had too few rows, or never changed.
    package func ranges() throws(QuantizationError) -> ActivationRanges {
        var ranges = ActivationRanges()
        for value in values {
            guard let histogram = histograms[value], let found = rows[value] else { throw .calibration(value: value, problem: .missing) }
            guard found >= leastRows else { throw .calibration(value: value, problem: .tooFewRows(found: found, least: leastRows)) }
            guard histogram.low < histogram.high else { throw .calibration(value: value, problem: .constant(histogram.low)) }
            if ranged.contains(value) { ranges[value] = method.range(of: histogram) }
        }
        return ranges
    }
}

extension WeightedNode {
    /// The input with the axis along which its channels lie, over which the sums run.
    var channelKey: ChannelStatistics.Key {
        ChannelStatistics.Key(value: node.inputs[0], axis: node.qualifiedType == "Conv" ? 1 : transposesInput ? 0 : -1)
    }
}

extension Model {
    /// Returns the model with values among its outputs, but for its inputs, which its callers have.
    func exposing(_ values: [String]) throws(QuantizationError) -> Model {
        let types = try QuantizationError.wrapping { () throws(ONNXError) in try inferTypes() }
        var model = self
        let known = Set(graph.outputs.map(\.name) + graph.inputs.map(\.name))
        for name in values where !known.contains(name) {
            model.graph.outputs.append(Value(name, types[name] ?? .tensor(.float32, nil)))
        }
        return model
    }
}
