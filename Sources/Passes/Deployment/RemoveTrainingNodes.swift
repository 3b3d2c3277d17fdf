package import ONNX
import Tensors

/// Removes what only training uses (`remove_training_nodes`): a Dropout that returns its input, and the graphs of ONNX's training
/// extension, which nobody runs.
///
/// A Dropout in training mode is random and stays, as one does whose mask is used. Before version 7 `is_test` says what it is; from 12 on
/// an input does.
package struct RemoveTrainingNodes: CountingPass {
    package let name = "remove_training_nodes"
    package init() {}

    package func rewrite(_ model: inout Model) throws(PassError) -> Int {
        let graphs = model.trainingInfo.count
        model.trainingInfo = []
        guard model.graph.has(["Dropout"]) else { return graphs }
        let facts = try GraphFacts(model, pass: name)
        var sources: [Int: String] = [:]
        for (position, node) in facts.nodes.enumerated() where facts.type(node) == "Dropout" {
            let isMaskUsed = node.outputs.dropFirst().contains { facts.outputs.contains($0) || facts.index.consumers[$0] != nil }
            guard !isMaskUsed, try !trains(node, facts) else { continue }
            sources[position] = node.inputs[0]
        }
        model.bypass(sources)
        return sources.count + graphs
    }

    private func trains(_ node: Node, _ facts: GraphFacts) throws(PassError) -> Bool {
        if facts.version < 7 { return node.attribute("is_test")?.int ?? 0 == 0 }
        guard facts.version >= 12, node.inputs.count > 2, !node.inputs[2].isEmpty else { return false }
        guard let mode = try facts.tensor(node.inputs[2]) else { return true }
        return withExtendedLifetime(mode) { mode.bytes.contains { $0 != 0 } }
    }
}
