import ONNX
import Tensors

/// Which initializers are trained, and why the others stay as they are. In the order of the graph.
struct Trainables {
    private(set) var names: [String] = []
    private(set) var untrained: [StepGraph.Untrained] = []

    /// - Parameters:
    ///   - model: in training form, nothing in it that the value `loss` does not need.
    ///   - own: names of the initializers that the model came with; others are constants of the loss.
    ///   - recipe: nil takes every initializer that a gradient can be asked for.
    init(_ model: Model, own: [StoredTensor], recipe: TrainingRecipe?, adapted: [AdaptedWeight] = []) throws(AutodiffError) {
        var readers: [String: [(node: Node, position: Int)]] = [:]
        model.graph.forEachNode { node in
            for (position, input) in node.inputs.enumerated() { readers[input, default: []].append((node, position)) }
        }
        let factors = Set(adapted.flatMap { [$0.down, $0.up] })
        if let recipe {
            try Self.check(recipe, own)
            // What is left of such a model in float is not what it learnt with.
            if adapted.isEmpty, Self.isQuantized(model) { throw .nothingTrainable(reason: Self.quantized) }
        }
        // Only where it decides: values are read for it.
        let roles = recipe != nil && factors.isEmpty ? ParameterRoles(model) : nil
        for tensor in own where tensor.elementType == .float32 || tensor.elementType == .float64 {
            let reason = Self.reason(tensor, readers[tensor.name] ?? [], recipe, factors, roles)
            if let reason { untrained.append(StepGraph.Untrained(name: tensor.name, reason: reason)) } else { names.append(tensor.name) }
        }
        if names.isEmpty { throw .nothingTrainable(reason: Self.emptiness(model, own, untrained)) }
    }

    /// Takes out what turned out to have no gradient.
    mutating func keep(where hasGradient: (String) -> Bool) throws(AutodiffError) {
        for name in names where !hasGradient(name) {
            untrained.append(StepGraph.Untrained(name: name, reason: "no gradient reaches it: the loss does not change with it"))
        }
        names.removeAll { !hasGradient($0) }
        if names.isEmpty { throw .nothingTrainable(reason: "no gradient reaches any initializer") }
    }

    private static func reason(
        _ tensor: StoredTensor, _ readers: [(node: Node, position: Int)], _ recipe: TrainingRecipe?, _ factors: Set<String>, _ roles: ParameterRoles?
    ) -> String? {
        if readers.isEmpty { return "the loss does not depend on it" }
        let normalizations = readers.filter { $0.node.operatorType == "BatchNormalization" }
        if normalizations.contains(where: { $0.position > 2 }) { return "running statistics of a BatchNormalization" }
        guard let recipe else { return nil }
        if !factors.isEmpty { return factors.contains(tensor.name) ? nil : "only the adapters are trained" }
        if recipe.freeze.matchesAny(of: tensor.name) { return "frozen by name" }
        if recipe.batchNormalization == .frozen, !normalizations.isEmpty { return "scale or bias of a BatchNormalization, which is frozen" }
        return recipe.train.matchesAny(of: tensor.name) ? nil : roles?.constantReason(tensor)
    }

    /// A pattern that names nothing is a slip of the pen.
    private static func check(_ recipe: TrainingRecipe, _ own: [StoredTensor]) throws(AutodiffError) {
        for (key, patterns) in [("freeze", recipe.freeze), ("train", recipe.train), ("no_decay", recipe.noDecay)] {
            guard let idle = patterns.first(where: { pattern in !own.contains { NamePattern(pattern).matches($0.name) } }) else { continue }
            throw .invalid(place: key, reason: "no initializer has a name like \"\(idle)\"; `millrace gradients MODEL --list` lists them")
        }
    }

    private static let quantized = "its weights are integers, a quantized model: train the float model that it was made from"

    private static func isQuantized(_ model: Model) -> Bool {
        let stored = Dictionary(model.graph.initializers.map { ($0.name, $0) }, uniquingKeysWith: { first, _ in first })
        return model.graph.nodes.contains { node in
            switch node.operatorType {
            case "QLinearConv", "QLinearMatMul", "MatMulInteger", "ConvInteger": true
            // Weights, not activations that pass through integers.
            case "DequantizeLinear": stored[node.inputs[0]].map { $0.shape.rank >= 2 && $0.elementType?.isInteger ?? false } ?? false
            default: false
            }
        }
    }

    private static func emptiness(_ model: Model, _ own: [StoredTensor], _ untrained: [StepGraph.Untrained]) -> String {
        if isQuantized(model) { return quantized }
        if own.isEmpty { return "the model has no initializers" }
        if untrained.isEmpty { return "none of its \(own.count) initializers is float32 or float64" }
        return untrained.prefix(8).map { "'\($0.name)': \($0.reason)" }.joined(separator: "; ") + (untrained.count > 8 ? "; …" : "")
    }
}
