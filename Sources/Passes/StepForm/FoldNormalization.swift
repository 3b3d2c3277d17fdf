package import ONNX
import Tensors

/// `fold_normalization`: a BatchNormalization by running statistics behind a Conv goes into that Conv's weights and bias, computed from them
/// in the graph, so that all stay trainable. `factor = scale / sqrt(var + epsilon)`, `W' = W factor`, `b' = (b - mean) factor + bias`.
///
/// It spares the normalization's passes over the images, forward and backward, for passes over the weights: done where those are the smaller.
package struct FoldNormalization: Pass {
    package let name = "fold_normalization"
    package init() {}

    /// Images of a batch, for the comparison: how many there will be is not known here.
    private static let images = 32

    package func run(_ model: inout Model) throws(PassError) -> Bool {
        let types: InferredTypes
        do throws(ONNXError) { types = try model.inferTypes() } catch {
            throw PassError(pass: name, place: "model", reason: "\(error)", remedy: "export it again")
        }
        let uses = ValueUses(model.graph)
        var names = model.graph.index
        var folded: [String: [Node]] = [:]
        var constants: [StoredTensor] = []
        var gone: Set<String> = []
        for convolution in model.graph.nodes where convolution.qualifiedType == "Conv" {
            guard let weights = uses.initializer(convolution.inputs[1]), weights.shape.rank >= 3, weights.elementType == .float32,
                let normalization = uses.onlyReader(of: convolution.outputs[0], "BatchNormalization")?.node,
                normalization.inputs[0] == convolution.outputs[0], normalization.attribute("training_mode")?.int ?? 0 == 0,
                normalization.outputs.dropFirst().allSatisfy(\.isEmpty),
                normalization.inputs.dropFirst().allSatisfy({ uses.initializer($0) != nil }), Self.pays(weights, types[convolution.outputs[0]]?.dimensions)
            else { continue }
            var folding = Folding(convolution, normalization, rank: weights.shape.rank, names: names)
            folded[convolution.outputs[0]] = folding.nodes()
            constants += folding.constants
            names = folding.names
            gone.insert(normalization.outputs[0])
        }
        guard !folded.isEmpty else { return false }
        model.graph.nodes = model.graph.nodes.flatMap { node in
            if let nodes = folded[node.outputs.first ?? ""] { return nodes }
            return gone.contains(node.outputs.first ?? "") ? [] : [node]
        }
        model.graph.initializers += constants
        return true
    }

    private static func pays(_ weights: StoredTensor, _ images: [Dimension]?) -> Bool {
        guard let spatial = images?.dropFirst(2), spatial.allSatisfy({ $0.value != nil }) else { return true }
        let positions = spatial.reduce(Self.images) { $0 * ($1.value ?? 1) }
        return 2 * positions >= weights.shape.dimensions.dropFirst().reduce(1, *)
    }
}

private struct Folding {
    private let convolution: Node
    private let normalization: Node
    private let rank: Int
    private(set) var names: GraphIndex
    private(set) var constants: [StoredTensor] = []
    private var made: [Node] = []

    init(_ convolution: Node, _ normalization: Node, rank: Int, names: GraphIndex) {
        self.convolution = convolution
        self.normalization = normalization
        self.rank = rank
        self.names = names
    }

    mutating func nodes() -> [Node] {
        let (scale, bias, mean, variance) = (
            normalization.inputs[1], normalization.inputs[2], normalization.inputs[3], normalization.inputs[4]
        )
        let epsilon = constant(Tensor(.float32, [], [normalization.attribute("epsilon")?.float ?? 1e-5]), "epsilon")
        let deviation = add("Sqrt", [add("Add", [variance, epsilon])])
        let factor = add("Div", [scale, deviation])
        let shape = [-1] + [Int64](repeating: 1, count: rank - 1)
        let perFilter = add("Reshape", [factor, constant(Tensor(.int64, [rank], shape), "shape")])
        let weights = add("Mul", [convolution.inputs[1], perFilter])
        let hasBias = convolution.inputs.count > 2 && !convolution.inputs[2].isEmpty
        let shift = hasBias ? add("Sub", [mean, convolution.inputs[2]]) : mean
        let folded = add("Sub", [bias, add("Mul", [shift, factor])])
        made.append(
            Node("Conv", [convolution.inputs[0], weights, folded], [normalization.outputs[0]], name: convolution.name, convolution.attributes))
        return made
    }

    private mutating func add(_ operatorType: String, _ inputs: [String]) -> String {
        let name = names.freshName(convolution.outputs[0] + "/folded")
        made.append(Node(operatorType, inputs, [name]))
        return name
    }

    private mutating func constant(_ tensor: Tensor, _ stem: String) -> String {
        let name = names.freshName(convolution.outputs[0] + "/" + stem)
        constants.append(StoredTensor(name, tensor))
        return name
    }
}
