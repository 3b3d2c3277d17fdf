import Autodiff
import ONNX
import Recipes
import Tensors

/// Builds BatchNormalization in training: each batch is normalized by its own mean and variance, which are differentiated too, and the
/// running statistics, which the model uses in inference, move towards them.
enum BatchStatistics {
    struct Running {
        /// The name of the initializer.
        let name: String
        /// The name of its next value.
        let next: String
    }

    /// Sets the training mode of every BatchNormalization, except those whose running mean or variance the patterns match.
    ///
    /// The running variance moves towards the variance of the batch with the denominator `n - 1`, as in PyTorch. ONNX operator
    /// BatchNormalization-15 itself uses `n`.
    /// - Throws: `invalid` for one inside of a subgraph, and for running statistics that something else reads too.
    static func activate(in model: inout Model, frozen: [String]) throws(AutodiffError) -> [Running] {
        try replace(in: &model, frozen: frozen) { append($0, mean: $1, variance: $2, to: &$3) }.flatMap(\.self)
    }

    /// Replaces every BatchNormalization that `activate` would.
    /// - Parameter append: appends the nodes in place of one, with the same first output.
    /// - Returns: what `append` has returned, in the order of the nodes.
    static func replace<Made>(
        in model: inout Model, frozen: [String],
        _ append: (Node, _ mean: StoredTensor, _ variance: StoredTensor, inout GraphBuilder) throws(AutodiffError) -> Made
    ) throws(AutodiffError) -> [Made] {
        var builder = GraphBuilder(extending: model.graph, prefix: "train/batch_normalization/")
        var made: [Made] = []
        var nodes: [Node] = []
        var readers: [String: Int] = [:]
        model.graph.forEachNode { node in for input in node.inputs { readers[input, default: 0] += 1 } }
        for node in model.graph.nodes {
            for subgraph in node.subgraphs {
                try subgraph.forEachNode { (inner) throws(AutodiffError) in
                    guard !isInInferenceForm(inner) else {
                        throw .invalid(
                            place: inner.place,
                            reason: "a BatchNormalization inside of \(node.operatorType) cannot be trained; leave it frozen")
                    }
                }
            }
            guard isInInferenceForm(node), let mean = model.graph.initializer(node.inputs[3]),
                let variance = model.graph.initializer(node.inputs[4]),
                !frozen.matchesAny(of: mean.name), !frozen.matchesAny(of: variance.name)
            else {
                nodes.append(node)
                continue
            }
            for tensor in [mean, variance] where readers[tensor.name] != 1 {
                throw .invalid(
                    place: node.place,
                    reason: "its running statistics '\(tensor.name)' are read elsewhere too, and would move there with them; freeze them, "
                        + "or export the model so that equal initializers are stored apart")
            }
            let emitted = builder.nodes.count
            made.append(try append(node, mean, variance, &builder))
            nodes += builder.nodes[emitted...]
        }
        model.graph.nodes = nodes
        model.graph.initializers += builder.initializers
        return made
    }

    /// Throws `invalid` if the recipe trains BatchNormalization and the model has none: exporters usually fuse it into the layer before it.
    static func check(_ recipe: GradientDescent, _ model: Model) throws(AutodiffError) {
        guard recipe.batchNormalization != .frozen else { return }
        var isThere = false
        model.graph.forEachNode { isThere = isThere || isInInferenceForm($0) }
        guard !isThere else { return }
        throw .invalid(
            place: "batch_normalization",
            reason: "it is \(recipe.batchNormalization.rawValue), but the model has no BatchNormalization: exporters fuse it into the "
                + "layer before it, whose weights are trained as they are. Leave the key out, or export the model without that fusion "
                + "(PyTorch: training=TrainingMode.PRESERVE, or optimize=False with dynamo=True)")
    }

    private static func isInInferenceForm(_ node: Node) -> Bool {
        node.operatorType == "BatchNormalization" && canonicalDomain(node.domain).isEmpty
            && (node.attribute("training_mode")?.int ?? 0) == 0
    }

    private static func append(_ node: Node, mean: StoredTensor, variance: StoredTensor, to builder: inout GraphBuilder) -> [Running] {
        var own = node
        let batchMean = builder.name("mean"), batchVariance = builder.name("variance")
        // With a momentum of 0 the node gives the batch's statistics. The engine writes them over the running ones, even if other nodes
        // read those, so it gets copies.
        own.inputs[3] = builder.add("Neg", [mean.name])
        own.inputs[4] = builder.add("Neg", [variance.name])
        own.outputs = [node.outputs[0], batchMean, batchVariance]
        own.attributes.removeAll { ["training_mode", "momentum"].contains($0.name) }
        own.attributes += [Attribute("training_mode", .int(1)), Attribute("momentum", .float(0))]
        builder.append(own)
        let type = variance.elementType ?? .float32
        let momentum = Double(node.attribute("momentum")?.float ?? 0.9)
        func moved(_ running: String, _ batch: String) -> String {
            let kept = builder.add("Mul", [running, builder.scalar(momentum, type)])
            return builder.add("Add", [kept, builder.add("Mul", [batch, builder.scalar(1 - momentum, type)])], stem: "next")
        }
        func cast(_ value: String) -> String { builder.add("Cast", [value], [Attribute("to", .int(Int64(type.rawValue)))]) }
        let count = builder.add("Div", [cast(builder.add("Size", [node.inputs[0]])), cast(builder.add("Size", [variance.name]))])
        let one = builder.scalar(1, type)
        let ratio = builder.add("Div", [count, builder.add("Max", [builder.add("Sub", [count, one]), one])])
        return [
            Running(name: mean.name, next: moved(mean.name, batchMean)),
            Running(name: variance.name, next: moved(variance.name, builder.add("Mul", [batchVariance, ratio]))),
        ]
    }
}
