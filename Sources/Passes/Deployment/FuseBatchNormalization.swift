package import ONNX
import Tensors

/// Takes a BatchNormalization by running statistics into the weights and the bias of the Conv or Gemm before it (`fuse_batch_norm`):
/// `factor = scale / sqrt(variance + epsilon)`, `W' = W factor`, `b' = (b - mean) factor + bias`, computed in float64 and rounded once.
///
/// Weights in 16 bits stay as they are: rounding them again would cost more than rounding results does. The new weights have names of their
/// own, since others may read the old ones. `FoldNormalization` does the same for training, with the formula in the graph.
package struct FuseBatchNormalization: CountingPass {
    package let name = "fuse_batch_norm"
    package init() {}

    package func rewrite(_ model: inout Model) throws(PassError) -> Int {
        guard model.graph.has(["BatchNormalization"]) else { return 0 }
        let facts = try GraphFacts(model, pass: name)
        var names = facts.index, made: [StoredTensor] = []
        var gone: Set<Int> = []
        for (position, node) in facts.nodes.enumerated() where ["Conv", "Gemm"].contains(facts.type(node)) {
            guard let reader = facts.onlyReader(of: node.outputs[0]), facts.type(facts.nodes[reader]) == "BatchNormalization",
                let normalization = StatisticsNormalization(
                    facts.nodes[reader], of: node.outputs[0], version: facts.version, isConstant: facts.isConstant),
                let layer = try Layer(node, facts), let channels = try Channels(normalization, count: layer.channels, facts),
                let (weights, bias) = layer.normalized(by: channels)
            else { continue }
            made.append(StoredTensor(names.freshName(node.inputs[1] + "/normalized"), weights))
            made.append(StoredTensor(names.freshName(node.inputs[1] + "/bias"), bias))
            var merged = node
            merged.inputs = [node.inputs[0]] + made.suffix(2).map(\.name)
            merged.outputs = [facts.nodes[reader].outputs[0]]
            // The bias is added as it is now.
            if layer.isGemm { merged[attribute: "beta"] = nil }
            model.graph.nodes[reader] = merged
            gone.insert(position)
        }
        guard !gone.isEmpty else { return 0 }
        model.graph.nodes = model.graph.nodes.enumerated().filter { !gone.contains($0.offset) }.map(\.element)
        model.adopt(made)
        model.graph.dropStaleValues()
        return gone.count
    }
}

/// Holds what the normalization does to each channel.
private struct Channels {
    let factor: [Double]
    let mean: [Double]
    let bias: [Double]

    init?(_ normalization: StatisticsNormalization, count: Int, _ facts: GraphFacts) throws(PassError) {
        guard let scale = try facts.numbers(normalization.scale), let bias = try facts.numbers(normalization.bias),
            let mean = try facts.numbers(normalization.mean), let variance = try facts.numbers(normalization.variance),
            [scale, bias, mean, variance].allSatisfy({ $0.count == count })
        else { return nil }
        factor = zip(scale, variance).map { $0 / ($1 + normalization.epsilon).squareRoot() }
        self.mean = mean
        self.bias = bias
    }
}

/// Holds the weights of a Conv or Gemm, with the axis of their channels.
private struct Layer {
    let isGemm: Bool
    let channels: Int
    private let type: ElementType
    private let shape: Shape
    private let weights: [Double]
    /// One number for each channel.
    private let bias: [Double]
    /// The number of elements after the axis of the channels.
    private let inner: Int

    init?(_ node: Node, _ facts: GraphFacts) throws(PassError) {
        guard let type = facts.constant(node.inputs[1])?.elementType, type == .float32 || type == .float64,
            let tensor = try facts.tensor(node.inputs[1]), let weights = tensor.numbers
        else { return nil }
        isGemm = node.operatorType == "Gemm"
        guard tensor.shape.rank >= (isGemm ? 2 : 3) else { return nil }
        let axis = isGemm && node.attribute("transB")?.int ?? 0 == 0 ? 1 : 0
        channels = tensor.shape.dimensions[axis]
        inner = tensor.shape.dimensions[(axis + 1)...].reduce(1, *)
        self.type = type
        shape = tensor.shape
        self.weights = weights
        let hasBias = node.inputs.count > 2 && !node.inputs[2].isEmpty
        guard hasBias else {
            bias = [Double](repeating: 0, count: channels)
            return
        }
        guard let given = try facts.tensor(node.inputs[2]), given.elementType == type, let numbers = given.numbers,
            given.shape.dimensions.dropLast().allSatisfy({ $0 == 1 })
        else { return nil }
        let beta = isGemm ? Double(node.attribute("beta")?.float ?? 1) : 1
        if numbers.count == channels {
            bias = numbers.map { $0 * beta }
        } else if isGemm, numbers.count == 1 {
            bias = [Double](repeating: numbers[0] * beta, count: channels)
        } else {
            return nil
        }
    }

    /// Returns the new weights and bias; nil where a number is infinite or none, or becomes so.
    func normalized(by channels: Channels) -> (Tensor, Tensor)? {
        guard self.channels > 0, inner > 0 else { return nil }
        var products = weights
        for index in products.indices { products[index] *= channels.factor[index / inner % self.channels] }
        let shifted = (0..<self.channels).map { (bias[$0] - channels.mean[$0]) * channels.factor[$0] + channels.bias[$0] }
        let largest = type == .float32 ? Double(Float.greatestFiniteMagnitude) : .greatestFiniteMagnitude
        guard (products + shifted).allSatisfy({ $0.magnitude <= largest }), let tensor = Tensor(type, shape, rounding: products),
            let bias = Tensor(type, [self.channels], rounding: shifted)
        else { return nil }
        return (tensor, bias)
    }
}
