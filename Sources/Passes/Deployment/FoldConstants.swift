package import ONNX
import Tensors

/// Says how much constant folding may store.
package struct FoldingLimits: Sendable, Hashable {
    /// The number of bytes of one result above which its node stays.
    package var outputBytes = 256 << 20
    /// The number of bytes by which one result may outgrow the constants that it is made of and that nobody else reads. What is larger (a
    /// weight that is stored in float16 and cast, a table that is broadcast) is cheaper to make again than to store.
    package var growthBytes = 64 << 10

    package init() {}
}

/// Computes nodes that depend on no input, and stores the results that others read as initializers (`fold_constants`); Constant nodes
/// become initializers. Shapes that are known before a run count as constants.
///
/// Nodes with subgraphs stay, and so do those of domains other than the default one and `ai.onnx.ml`, random operators, what dequantizes
/// weights, and what the engine does not compute.
package struct FoldConstants: CountingPass {
    package let name = "fold_constants"
    private let limits: FoldingLimits
    private let evaluate: ConstantEvaluator

    package init(limits: FoldingLimits = FoldingLimits(), evaluate: @escaping ConstantEvaluator) {
        self.limits = limits
        self.evaluate = evaluate
    }

    package func rewrite(_ model: inout Model) throws(PassError) -> Int {
        let facts = try GraphFacts(model, pass: name)
        var folding = ConstantFolding(model, facts, limits, evaluate)
        try folding.run()
        guard !folding.results.isEmpty else { return 0 }
        let before = model.graph.nodes.count
        var initializers: [StoredTensor] = []
        var nodes: [Node] = []
        for (position, node) in facts.nodes.enumerated() {
            guard folding.isDone[position] else {
                nodes.append(node)
                continue
            }
            for output in node.outputs {
                guard let tensor = folding.results[output] else { continue }
                if facts.outputs.contains(output) {
                    // Not every engine takes an initializer for an output.
                    nodes.append(Node("Constant", [], [output], [Attribute("value", .tensor(StoredTensor("", tensor)))]))
                } else {
                    initializers.append(StoredTensor(output, tensor))
                }
            }
        }
        model.graph.nodes = nodes
        model.adopt(initializers)
        // What the file states of them may be less than what they are, or wrong.
        model.graph.values.removeAll { folding.results[$0.name] != nil }
        model.graph.dropStaleValues()
        // Where an output is a Constant now, a node has become one.
        return max(before - nodes.count, 1)
    }
}
