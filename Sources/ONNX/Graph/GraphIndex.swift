/// Finds the nodes that make and that use each value of one graph, by position. It is valid until the nodes change. A use inside a subgraph
/// counts as a use by the node that holds it.
package struct GraphIndex: Sendable {
    /// The node that makes each value; inputs and initializers have none.
    package private(set) var producers: [String: Int] = [:]
    /// The nodes that read each value, in order, each once.
    package private(set) var consumers: [String: [Int]] = [:]
    private var names: Set<String>

    package init(_ graph: Graph) {
        names = graph.usedNames
        for (position, node) in graph.nodes.enumerated() {
            for output in node.outputs where !output.isEmpty { producers[output] = position }
            var read = Set(node.inputs.filter { !$0.isEmpty })
            for subgraph in node.subgraphs { read.formUnion(subgraph.outerNames) }
            for name in read { consumers[name, default: []].append(position) }
        }
    }

    /// Returns a name that is not yet in use, `stem` or `stem` with the first free number, and marks it as used.
    package mutating func freshName(_ stem: String) -> String {
        var name = stem
        var number = 1
        while !names.insert(name).inserted {
            name = "\(stem)_\(number)"
            number += 1
        }
        return name
    }
}

extension Graph {
    package var index: GraphIndex { GraphIndex(self) }

    /// The names that this graph, as a subgraph, takes from the graphs around it.
    package var outerNames: Set<String> {
        var known = Set(inputs.map(\.name) + initializers.map(\.name) + sparseInitializers.map(\.name))
        var outer: Set<String> = []
        for node in nodes {
            for input in node.inputs where !input.isEmpty && !known.contains(input) { outer.insert(input) }
            for subgraph in node.subgraphs { outer.formUnion(subgraph.outerNames.subtracting(known)) }
            known.formUnion(node.outputs)
        }
        for output in outputs where !known.contains(output.name) { outer.insert(output.name) }
        return outer
    }
}
