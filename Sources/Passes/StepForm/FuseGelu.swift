package import ONNX

/// Makes one Gelu of the exact GELU in the form in which it was exported before operator set 20, `0.5 x (1 + erf(x / sqrt 2))`
/// (`fuse_gelu`). The gradient of Gelu makes about half as many passes over the values as that of the parts.
package struct FuseGelu: Pass {
    package let name = "fuse_gelu"
    package init() {}

    package func run(_ model: inout Model) -> Bool {
        guard model.operatorSetVersion() ?? 0 >= 20 else { return false }
        let uses = ValueUses(model.graph)
        var changed = false
        for node in model.graph.nodes where node.qualifiedType == "Erf" {
            guard let (position, x) = Self.match(node, uses) else { continue }
            let last = model.graph.nodes[position]
            model.graph.nodes[position] = Node("Gelu", [x], last.outputs, name: last.name)
            changed = true
        }
        return changed
    }

    /// Returns the last node of the GELU around this Erf, and the input of the GELU; nil if there is none.
    private static func match(_ erf: Node, _ uses: ValueUses) -> (last: Int, x: String)? {
        guard let x = scaled(erf.inputs[0], uses), let sum = uses.onlyReader(of: erf.outputs[0], "Add"),
            uses.factor(of: sum.node, beside: 1) == erf.outputs[0], let product = uses.onlyReader(of: sum.node.outputs[0], "Mul"),
            let other = product.node.inputs.first(where: { $0 != sum.node.outputs[0] })
        else { return nil }
        if let half = uses.maker(of: other, "Mul"), uses.factor(of: half, beside: 0.5) == x { return (product.position, x) }
        guard let outer = uses.onlyReader(of: product.node.outputs[0], "Mul") else { return nil }
        if other == x, uses.factor(of: outer.node, beside: 0.5) == product.node.outputs[0] { return (outer.position, x) }
        if uses.factor(of: product.node, beside: 0.5) == sum.node.outputs[0], outer.node.inputs.contains(x) { return (outer.position, x) }
        return nil
    }

    /// Returns `x`, if the value is `x / sqrt 2`.
    private static func scaled(_ value: String, _ uses: ValueUses) -> String? {
        if let quotient = uses.maker(of: value, "Div"), let divisor = uses.number(quotient.inputs[1]),
            abs(divisor - 2.0.squareRoot()) < 1e-4
        {
            return quotient.inputs[0]
        }
        return uses.maker(of: value, "Mul").flatMap { uses.factor(of: $0, beside: 0.5.squareRoot()) }
    }
}
