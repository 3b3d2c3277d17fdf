package import ONNX
import Tensors

/// Merges a BatchNormalization by running statistics into the weights and bias of the Conv before it (`fold_normalization`). The new ones
/// are computed in the graph, so that all parameters stay trainable: `factor = scale / sqrt(var + epsilon)`, `W' = W factor`, `b' = (b -
/// mean) factor + bias`.
///
/// This replaces passes over the images, forward and backward, by passes over the weights. It is done only if the weights are smaller.
package struct FoldNormalization: Pass {
    package let name = "fold_normalization"
    package init() {}

    package func run(_ model: inout Model) throws(PassError) -> Bool {
        let types = try model.inferTypes(for: name)
        let uses = ValueUses(model.graph), version = model.operatorSetVersion() ?? 0
        var builder = GraphBuilder(extending: model.graph, prefix: "folded/")
        var folded: [String: [Node]] = [:]
        var gone: Set<String> = []
        for convolution in model.graph.nodes where convolution.qualifiedType == "Conv" {
            guard let weights = uses.initializer(convolution.inputs[1]), weights.shape.rank >= 3, weights.elementType == .float32,
                let reader = uses.onlyReader(of: convolution.outputs[0], "BatchNormalization")?.node,
                let normalization = StatisticsNormalization(
                    reader, of: convolution.outputs[0], version: version, isConstant: { uses.initializer($0) != nil }),
                Self.pays(weights, types[convolution.outputs[0]]?.dimensions)
            else { continue }
            let emitted = builder.nodes.count
            Self.fold(normalization, into: convolution, rank: weights.shape.rank, &builder)
            folded[convolution.outputs[0]] = Array(builder.nodes[emitted...])
            gone.insert(reader.outputs[0])
        }
        guard !folded.isEmpty else { return false }
        model.graph.nodes = model.graph.nodes.flatMap { node in
            if let nodes = folded[node.outputs.first ?? ""] { return nodes }
            return gone.contains(node.outputs.first ?? "") ? [] : [node]
        }
        model.graph.initializers += builder.initializers
        return true
    }

    private static func pays(_ weights: StoredTensor, _ images: [Dimension]?) -> Bool {
        guard let images, images.dropFirst(2).allSatisfy({ $0.value != nil }) else { return true }
        let positions = images.dropFirst(2).reduce(images[0].value ?? StepForm.images) { $0 * ($1.value ?? 1) }
        return 2 * positions >= weights.shape.dimensions.dropFirst().reduce(1, *)
    }

    private static func fold(_ normalization: StatisticsNormalization, into convolution: Node, rank: Int, _ builder: inout GraphBuilder) {
        let epsilon = builder.scalar(normalization.epsilon), mean = normalization.mean
        let deviation = builder.add("Sqrt", [builder.add("Add", [normalization.variance, epsilon])])
        let factor = builder.add("Div", [normalization.scale, deviation])
        let perFilter = builder.add("Reshape", [factor, builder.integers([-1] + [Int](repeating: 1, count: rank - 1))])
        let weights = builder.add("Mul", [convolution.inputs[1], perFilter])
        let hasBias = convolution.inputs.count > 2 && !convolution.inputs[2].isEmpty
        let shift = hasBias ? builder.add("Sub", [mean, convolution.inputs[2]]) : mean
        let shifted = builder.add("Sub", [normalization.bias, builder.add("Mul", [shift, factor])])
        builder.append(
            Node(
                "Conv", [convolution.inputs[0], weights, shifted], [normalization.node.outputs[0]], name: convolution.name,
                convolution.attributes))
    }
}
