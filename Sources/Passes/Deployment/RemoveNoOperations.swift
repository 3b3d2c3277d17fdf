package import ONNX
import Tensors

/// Removes nodes that return one of their inputs unchanged (`remove_identities`): Identity, a Cast to the type that a value has, a
/// Transpose that keeps the order, a Concat or Sum of one, a Reshape or Expand to the same shape, a Pad by nothing, and products with 1,
/// quotients by 1 and differences from 0.
///
/// A sum with 0 of floating point stays: it makes 0 of -0. Nodes that make an output of the graph become an Identity.
package struct RemoveNoOperations: CountingPass {
    package let name = "remove_identities"
    package init() {}

    package func rewrite(_ model: inout Model) throws(PassError) -> Int {
        let identities = RemoveIdentities().rewrite(&model)
        guard model.operatorSetVersion() ?? 0 >= 7 else { return identities }
        let facts = try GraphFacts(model, pass: name)
        var sources: [Int: String] = [:]
        for (position, node) in facts.nodes.enumerated() {
            if let source = try source(node, facts) { sources[position] = source }
        }
        model.bypass(sources)
        return identities + sources.count
    }

    /// Returns the input that the node returns unchanged.
    private func source(_ node: Node, _ facts: GraphFacts) throws(PassError) -> String? {
        guard node.outputs.count == 1, let first = node.inputs.first, !first.isEmpty else { return nil }
        let isUnchanged: Bool
        switch facts.type(node) {
        case "Cast":
            isUnchanged =
                node.attribute("to")?.int != nil && facts.elementType(first).map { Int64($0.rawValue) } == node.attribute("to")?.int
        case "Transpose": isUnchanged = node.attribute("perm")?.ints.map { $0 == (0..<Int64($0.count)).map { $0 } } ?? false
        case "Concat", "Sum", "Max", "Min", "Mean": isUnchanged = node.inputs.count == 1
        case "Reshape", "Squeeze", "Flatten": isUnchanged = facts.haveSameShape(first, node.outputs[0])
        case "Expand":
            guard let shape = facts.shape(first) else { return nil }
            isUnchanged = shape == facts.shape(node.outputs[0])
        case "Pad": isUnchanged = try padsNothing(node, facts)
        case "Mul": return try operand(of: node, beside: 1, commutes: true, facts)
        case "Div": return try operand(of: node, beside: 1, facts)
        case "Sub": return try operand(of: node, beside: 0, facts)
        case "Add":
            guard let type = facts.elementType(first), type.isInteger else { return nil }
            return try operand(of: node, beside: 0, commutes: true, facts)
        default: isUnchanged = false
        }
        return isUnchanged ? first : nil
    }

    /// Returns the operand beside a constant that is this number in every element and does not broaden it. It is the first one, or, where
    /// the operator `commutes`, either.
    private func operand(
        of node: Node, beside number: Double, commutes: Bool = false, _ facts: GraphFacts
    ) throws(PassError) -> String? {
        guard node.inputs.count == 2 else { return nil }
        for (value, constant) in [(node.inputs[0], node.inputs[1]), (node.inputs[1], node.inputs[0])].prefix(commutes ? 2 : 1) {
            guard let stored = facts.constant(constant), stored.elementCount == 1,
                stored.shape.rank == 0 || facts.extents(value).map({ $0.count >= stored.shape.rank }) ?? false,
                let found = try facts.numbers(constant)
            else { continue }
            // -0 is not 0 here.
            if found[0] == number, found[0].sign == .plus { return value }
        }
        return nil
    }

    private func padsNothing(_ node: Node, _ facts: GraphFacts) throws(PassError) -> Bool {
        let pads = facts.version >= 11 ? node.inputs.count > 1 ? try facts.integers(node.inputs[1]) : nil : node.attribute("pads")?.ints
        return pads?.allSatisfy { $0 == 0 } ?? false
    }
}
