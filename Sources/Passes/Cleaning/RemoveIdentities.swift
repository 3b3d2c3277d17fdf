package import ONNX

/// Makes all readers of an Identity's result read its source, and removes the Identity (`remove_identities`). Those that make an output of
/// their graph stay, since outputs keep their names.
package struct RemoveIdentities: CountingPass {
    package let name = "remove_identities"
    package init() {}

    package func rewrite(_ model: inout Model) -> Int {
        let count = model.graph.nodes.count
        let hidden = model.graph.hiddenNames
        let outputs = Set(model.graph.outputs.map(\.name))
        var sources: [String: String] = [:]
        var kept: [Node] = []
        for node in model.graph.nodes {
            let node = sources.isEmpty ? node : node.reading(sources)
            if node.qualifiedType == "Identity", node.inputs.count == 1, node.outputs.count == 1, !outputs.contains(node.outputs[0]),
                !hidden.contains(node.inputs[0]), !hidden.contains(node.outputs[0])
            {
                sources[node.outputs[0]] = node.inputs[0]
            } else {
                kept.append(node)
            }
        }
        guard kept.count < count else { return 0 }
        model.graph.nodes = kept
        model.graph.dropStaleValues()
        return count - kept.count
    }
}

extension Graph {
    /// The names that subgraphs make for themselves. In such a subgraph an outer value of the same name cannot be read.
    var hiddenNames: Set<String> {
        nodes.reduce(into: []) { names, node in for subgraph in node.subgraphs { names.formUnion(subgraph.madeNames) } }
    }

    /// The names of all inputs, initializers and results of this graph and of those inside it.
    var madeNames: Set<String> {
        var names = Set(inputs.map(\.name) + initializers.map(\.name) + sparseInitializers.map(\.name))
        for node in nodes {
            names.formUnion(node.outputs)
            for subgraph in node.subgraphs { names.formUnion(subgraph.madeNames) }
        }
        return names
    }

    /// Returns the graph with every use of a name in `replacements` replaced, also in its subgraphs. Results keep their names.
    func reading(_ replacements: [String: String]) -> Graph {
        var graph = self
        graph.nodes = nodes.map { $0.reading(replacements) }
        for position in graph.outputs.indices {
            if let name = replacements[graph.outputs[position].name] { graph.outputs[position].name = name }
        }
        return graph
    }
}

extension Node {
    func reading(_ replacements: [String: String]) -> Node {
        var node = self
        node.inputs = inputs.map { replacements[$0] ?? $0 }
        node.mapSubgraphs { $0.reading(replacements) }
        return node
    }

    mutating func mapSubgraphs<Failure: Error>(_ transform: (Graph) throws(Failure) -> Graph) throws(Failure) {
        for position in attributes.indices {
            switch attributes[position].value {
            case .graph(let graph): attributes[position].value = .graph(try transform(graph))
            case .graphs(let graphs):
                attributes[position].value = .graphs(try graphs.map { (graph) throws(Failure) in try transform(graph) })
            default: break
            }
        }
    }
}
