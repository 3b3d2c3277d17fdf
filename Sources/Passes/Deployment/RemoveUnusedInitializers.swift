package import ONNX

/// Removes constants of the outermost graph that no node, subgraph or output reads (`remove_unused_initializers`). An initializer that a
/// caller may override is part of the model's interface and stays.
package struct RemoveUnusedInitializers: CountingPass {
    package let name = "remove_unused_initializers"
    package init() {}

    package func rewrite(_ model: inout Model) -> Int {
        var needed = Set(model.graph.outputs.map(\.name))
        for node in model.graph.nodes {
            needed.formUnion(node.inputs)
            for subgraph in node.subgraphs { needed.formUnion(subgraph.outerNames) }
        }
        if model.irVersion >= 4 { needed.formUnion(model.graph.inputs.map(\.name)) }
        let count = model.graph.initializers.count + model.graph.sparseInitializers.count
        let kept = model.graph.initializers.filter { needed.contains($0.name) }
        let keptSparse = model.graph.sparseInitializers.filter { needed.contains($0.name) }
        let removed = count - kept.count - keptSparse.count
        guard removed > 0 else { return 0 }
        model.bindInitializers()
        model.graph.initializers = kept
        model.graph.sparseInitializers = keptSparse
        model.graph.dropStaleValues()
        return removed
    }
}
