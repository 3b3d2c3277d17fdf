package import ONNX

/// Removes nodes whose results are unused, and the types of values that do not exist any more (`remove_dead_nodes`). Initializers stay.
package struct RemoveDeadNodes: CountingPass {
    package let name = "remove_dead_nodes"
    package init() {}

    package func rewrite(_ model: inout Model) -> Int {
        var needed = Set(model.graph.outputs.map(\.name))
        var kept: [Node] = []
        for node in model.graph.nodes.reversed() where node.outputs.contains(where: needed.contains) {
            kept.append(node)
            needed.formUnion(node.inputs.filter { !$0.isEmpty })
            for subgraph in node.subgraphs { needed.formUnion(subgraph.outerNames) }
        }
        let removed = model.graph.nodes.count - kept.count
        guard removed > 0 else { return 0 }
        model.graph.nodes = kept.reversed()
        model.graph.dropStaleValues()
        return removed
    }
}

extension Graph {
    /// Removes the types of values that no node makes any more.
    mutating func dropStaleValues() {
        let made = Set(nodes.flatMap(\.outputs) + inputs.map(\.name) + initializers.map(\.name))
        values.removeAll { !made.contains($0.name) }
    }
}
