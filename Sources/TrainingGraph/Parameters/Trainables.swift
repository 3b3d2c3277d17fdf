import Autodiff
import ONNX
import Passes
import Recipes
import Tensors

/// Decides which initializers are trained, and says why the others are not, in the order of the graph.
struct Trainables {
    private(set) var names: [String] = []
    private(set) var untrained: [StepGraph.Untrained] = []

    /// - Parameters:
    ///   - model: a model in training form, without nodes that its outputs do not need.
    ///   - own: the initializers of the model in training form; others are constants of the loss.
    ///   - refused: the floating point constants that are stored where training does not reach them.
    ///   - recipe: nil takes every initializer that can have a gradient.
    ///   - shared: the weights in `own` that have copies.
    /// - Throws: `nothingTrainable`, and `invalid` for a pattern of the recipe that no initializer matches.
    init(
        _ model: Model, own: [StoredTensor], refused: [ParameterHomes.Refused], recipe: GradientDescent?, adapted: [AdaptedWeight] = [],
        shared: SharedWeights = SharedWeights()
    ) throws(AutodiffError) {
        var readers: [String: [(node: Node, position: Int)]] = [:]
        model.graph.forEachNode { node in
            for (position, input) in node.inputs.enumerated() { readers[input, default: []].append((node, position)) }
        }
        let factors = Set(adapted.flatMap { [$0.down, $0.up] })
        if let recipe {
            try Self.check(recipe, own.flatMap { shared.names(of: $0.name) } + adapted.flatMap { [$0.weight] })
            // The float initializers that such a model still has are not those that it was trained with.
            if adapted.isEmpty, Self.isQuantized(model) { throw .nothingTrainable(reason: Self.quantized) }
        }
        // It is checked only where the answer matters, because values are read for it.
        let roles = recipe != nil && factors.isEmpty ? ParameterRoles(model) : nil
        for tensor in own where tensor.elementType == .float32 || tensor.elementType == .float64 {
            if let reason = Self.reason(tensor, readers[tensor.name] ?? [], recipe, factors, roles, shared) {
                untrained += shared.names(of: tensor.name).map { StepGraph.Untrained(name: $0, reason: reason) }
            } else {
                names.append(tensor.name)
            }
        }
        untrained += refused.map { StepGraph.Untrained(name: $0.name, reason: $0.reason) }
        if names.isEmpty { throw .nothingTrainable(reason: Self.emptiness(model, own, untrained)) }
    }

    /// Removes the initializers that have no gradient.
    mutating func keep(where hasGradient: (String) -> Bool) throws(AutodiffError) {
        for name in names where !hasGradient(name) {
            untrained.append(StepGraph.Untrained(name: name, reason: Self.unreached))
        }
        names.removeAll { !hasGradient($0) }
        if names.isEmpty {
            throw .nothingTrainable(reason: untrained.isEmpty ? "no gradient reaches any initializer" : Self.listed(untrained))
        }
    }

    private static let unreached =
        "no gradient reaches it: the loss does not depend on it, or only through operators without a gradient, as ArgMax, Round and "
        + "comparisons are"

    private static func reason(
        _ tensor: StoredTensor, _ readers: [(node: Node, position: Int)], _ recipe: GradientDescent?, _ factors: Set<String>,
        _ roles: ParameterRoles?, _ shared: SharedWeights
    ) -> String? {
        if readers.isEmpty { return "the loss does not depend on it" }
        let normalizations = readers.filter { $0.node.operatorType == "BatchNormalization" }
        if normalizations.contains(where: { $0.position > 2 }) { return "running statistics of a BatchNormalization" }
        if readers.allSatisfy({ !ReverseMode.isDifferentiable(input: $0.position, of: $0.node) }) {
            return "it says how \(readers[0].node.operatorType) works, and has no gradient"
        }
        guard let recipe else { return nil }
        if !factors.isEmpty { return factors.contains(tensor.name) ? nil : "only the adapters are trained" }
        if recipe.freeze.matchesAny(of: tensor.name) { return "frozen by name" }
        if let copy = shared.copies[tensor.name]?.first(where: { recipe.freeze.matchesAny(of: $0) }) {
            return "frozen by name, as the weight that '\(copy)' is a copy of; `untie` keeps them apart"
        }
        if recipe.batchNormalization == .frozen, !normalizations.isEmpty { return "scale or bias of a BatchNormalization, which is frozen" }
        return shared.names(of: tensor.name).contains { recipe.train.matchesAny(of: $0) } ? nil : roles?.constantReason(tensor)
    }

    /// Throws `invalid` for a pattern that matches no initializer, since that is a typing error.
    private static func check(_ recipe: GradientDescent, _ own: [String]) throws(AutodiffError) {
        for (key, patterns) in [("freeze", recipe.freeze), ("train", recipe.train), ("no_decay", recipe.noDecay)] {
            guard let idle = patterns.first(where: { pattern in !own.contains { NamePattern(pattern).matches($0) } }) else { continue }
            throw .invalid(place: key, reason: "no initializer has a name like \"\(idle)\"; `millrace gradients MODEL --list` lists them")
        }
    }

    static let quantized = "its weights are integers, a quantized model: train the float model that it was made from"

    /// Returns whether operators multiply by integer weights, in the standard's form or in that of ONNX Runtime's own operators.
    static func isQuantized(_ model: Model) -> Bool {
        var integers: Set<String> = []
        for tensor in model.graph.initializers where tensor.shape.rank >= 2 && tensor.elementType?.isInteger ?? false {
            integers.insert(tensor.name)
        }
        var found = false
        model.graph.forEachNode { node in
            if node.operatorType == "Constant", let tensor = node.constantTensor, tensor.shape.rank >= 2,
                tensor.elementType?.isInteger ?? false
            {
                integers.insert(node.outputs[0])
            }
            switch (canonicalDomain(node.domain), node.operatorType) {
            case ("", "QLinearConv"), ("", "QLinearMatMul"), ("", "MatMulInteger"), ("", "ConvInteger"): found = true
            // Only weights count, not activations that pass through integers.
            case ("", "DequantizeLinear"), ("com.microsoft", "DequantizeLinear"): found = found || integers.contains(node.inputs[0])
            case ("com.microsoft", let type): found = found || fusedQuantized.contains { type.contains($0) }
            default: break
            }
        }
        return found
    }

    /// Parts of the names of ONNX Runtime's operators with integer weights.
    private static let fusedQuantized = [
        "QLinearConv", "QLinearMatMul", "MatMulInteger", "ConvInteger", "DynamicQuantizeLSTM", "DynamicQuantizeMatMul", "QGemm",
        "QAttention", "QEmbed", "NBits", "Bnb4", "GatherBlockQuantized", "QMoE",
    ]

    static func emptiness(_ model: Model, _ own: [StoredTensor], _ untrained: [StepGraph.Untrained]) -> String {
        if isQuantized(model) { return quantized }
        if !untrained.isEmpty { return listed(untrained) }
        var machines: Set<String> = []
        model.graph.forEachNode { if $0.operatorType.hasPrefix("SVM") { machines.insert($0.qualifiedType) } }
        if !machines.isEmpty {
            return "\(machines.sorted().joined(separator: " and ")) scores, and is not trained: train it where it was made"
        }
        return own.isEmpty ? "the model has no weights" : "none of its \(own.count) initializers is float32 or float64"
    }

    private static func listed(_ untrained: [StepGraph.Untrained]) -> String {
        untrained.prefix(8).map { "'\($0.name)': \($0.reason)" }.joined(separator: "; ") + (untrained.count > 8 ? "; …" : "")
    }
}
