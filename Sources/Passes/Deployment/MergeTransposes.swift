package import ONNX

/// Makes one Transpose of two that follow one another, or none where the second undoes the first (`merge_transposes`).
package struct MergeTransposes: CountingPass {
    package let name = "merge_transposes"
    package init() {}

    package func rewrite(_ model: inout Model) throws(PassError) -> Int {
        guard model.graph.has(["Transpose"]) else { return 0 }
        let facts = try GraphFacts(model, pass: name)
        var sources: [Int: String] = [:], merged: Set<Int> = []
        for (position, node) in facts.nodes.enumerated() where facts.type(node) == "Transpose" {
            guard let inner = facts.maker(of: node.inputs[0], ["Transpose"]), !merged.contains(inner.position),
                sources[inner.position] == nil, let order = order(of: inner.node, then: node, facts)
            else { continue }
            if order == Array(order.indices) {
                sources[position] = inner.node.inputs[0]
            } else if facts.onlyReader(of: inner.node.outputs[0]) != nil {
                model.graph.nodes[position].inputs[0] = inner.node.inputs[0]
                model.graph.nodes[position][attribute: "perm"] = .ints(order.map { Int64($0) })
                merged.insert(position)
            }
        }
        model.bypass(sources)
        return sources.count + merged.count
    }

    /// Returns the order in which both together put the axes; nil where it is not known.
    private func order(of inner: Node, then outer: Node, _ facts: GraphFacts) -> [Int]? {
        func given(_ node: Node) -> [Int]? { node.attribute("perm")?.ints.map { $0.map { Int($0) } } }
        let first = given(inner), second = given(outer)
        guard let rank = first?.count ?? second?.count ?? facts.extents(inner.inputs[0])?.count else { return nil }
        // Without an order the axes are reversed.
        let reversed = Array((0..<rank).reversed())
        let one = first ?? reversed, other = second ?? reversed
        guard one.sorted() == Array(0..<rank), other.sorted() == Array(0..<rank) else { return nil }
        return other.map { one[$0] }
    }
}
