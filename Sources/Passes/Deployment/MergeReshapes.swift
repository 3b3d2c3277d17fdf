package import ONNX

/// Makes one Reshape of two operators that follow one another and only change the shape (Reshape, Squeeze, Unsqueeze, Flatten), or none
/// where the shape is again what it was (`merge_reshapes`).
package struct MergeReshapes: CountingPass {
    package let name = "merge_reshapes"
    package init() {}

    private static let family: Set<String> = ["Reshape", "Squeeze", "Unsqueeze", "Flatten"]

    package func rewrite(_ model: inout Model) throws(PassError) -> Int {
        guard model.graph.has(Self.family) else { return 0 }
        let facts = try GraphFacts(model, pass: name)
        var sources: [Int: String] = [:], merged: Set<Int> = []
        for (position, node) in facts.nodes.enumerated() where Self.family.contains(facts.type(node)) {
            guard let inner = facts.maker(of: node.inputs[0], Self.family), !merged.contains(inner.position),
                sources[inner.position] == nil
            else { continue }
            if let source = origin(of: inner.node, facts), facts.haveSameShape(source, node.outputs[0]) {
                sources[position] = source
            } else if try setsShape(node, facts), facts.onlyReader(of: inner.node.outputs[0]) != nil {
                model.graph.nodes[position].inputs[0] = inner.node.inputs[0]
                merged.insert(position)
            }
        }
        model.bypass(sources)
        return sources.count + merged.count
    }

    /// Returns the input of a chain of such operators, from its last node back to where the shape is not theirs.
    private func origin(of last: Node, _ facts: GraphFacts) -> String? {
        var source = last.inputs[0]
        while let before = facts.maker(of: source, Self.family) { source = before.node.inputs[0] }
        return source
    }

    /// Tells whether a Reshape gives the same shape to any value with as many elements: no extent is taken from its input.
    private func setsShape(_ node: Node, _ facts: GraphFacts) throws(PassError) -> Bool {
        guard facts.type(node) == "Reshape", facts.version >= 5, node.inputs.count == 2,
            let shape = try facts.integers(node.inputs[1])
        else { return false }
        return node.attribute("allowzero")?.int == 1 || !shape.contains(0)
    }
}
