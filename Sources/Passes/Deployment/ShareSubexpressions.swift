package import ONNX

/// Makes one node of several that have the same operator, attributes and inputs (`share_subexpressions`).
///
/// Random operators stay, and so do nodes with subgraphs and those of domains whose operators may be random or keep a state: all but the
/// default one and `ai.onnx.ml`.
package struct ShareSubexpressions: CountingPass {
    package let name = "share_subexpressions"
    package init() {}

    private struct Key: Hashable {
        let type: String
        let inputs: [String]
        let givesOutputs: [Bool]
    }

    package func rewrite(_ model: inout Model) -> Int {
        let own = Set(model.functions.map { Node($0.name, [], [], domain: $0.domain).qualifiedType })
        let hidden = model.graph.hiddenNames
        let outputs = Set(model.graph.outputs.map(\.name))
        var known: [Key: [Node]] = [:]
        var sources: [String: String] = [:]
        var nodes: [Node] = []
        var shared = 0
        for node in model.graph.nodes {
            let node = sources.isEmpty ? node : node.reading(sources)
            let domain = canonicalDomain(node.domain), type = node.qualifiedType
            guard domain.isEmpty || domain == "ai.onnx.ml", !own.contains(type), !Node.randomOperators.contains(type),
                node.subgraphs.isEmpty,
                hidden.isDisjoint(with: node.outputs)
            else {
                nodes.append(node)
                continue
            }
            let key = Key(type: type, inputs: node.inputs, givesOutputs: node.outputs.map { !$0.isEmpty })
            let attributes = node.attributes.sorted { $0.name < $1.name }
            guard let first = known[key]?.first(where: { $0.attributes.sorted { $0.name < $1.name } == attributes }) else {
                known[key, default: []].append(node)
                nodes.append(node)
                continue
            }
            let repeated = zip(first.outputs, node.outputs).filter { outputs.contains($1) }
            // A copy costs as much as a Constant, or as another Identity.
            guard repeated.isEmpty || type != "Constant" && type != "Identity" else {
                nodes.append(node)
                continue
            }
            for (source, output) in zip(first.outputs, node.outputs) where !output.isEmpty { sources[output] = source }
            for (source, output) in repeated { nodes.append(Node("Identity", [source], [output])) }
            shared += 1
        }
        guard shared > 0 else { return 0 }
        model.graph.nodes = nodes
        model.graph.dropStaleValues()
        return shared
    }
}
