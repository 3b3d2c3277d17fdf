package import ONNX
import Tensors

/// Removes a QuantizeLinear that makes again what the DequantizeLinear before it has read (`cancel_quantization`): both have the same
/// scale, zero point and axis, so that rounding gives each integer back, and none is clipped.
///
/// The other order stays: what QuantizeLinear rounds and clips is lost.
package struct CancelQuantization: CountingPass {
    package let name = "cancel_quantization"
    package init() {}

    private static let attributes: Set<String> = ["axis", "block_size", "saturate", "output_dtype"]
    /// The types in which an integer comes back after a product and a quotient in float32.
    private static let integers: Set<ElementType> = [.int2, .uint2, .int4, .uint4, .int8, .uint8, .int16, .uint16]

    package func rewrite(_ model: inout Model) throws(PassError) -> Int {
        guard model.graph.has(["QuantizeLinear"]) else { return 0 }
        let facts = try GraphFacts(model, pass: name)
        var sources: [Int: String] = [:]
        for (position, node) in facts.nodes.enumerated() where facts.type(node) == "QuantizeLinear" {
            guard let inner = facts.maker(of: node.inputs[0], ["DequantizeLinear"])?.node, try undo(inner, node, facts) else { continue }
            sources[position] = inner.inputs[0]
        }
        model.bypass(sources)
        return sources.count
    }

    private func undo(_ inner: Node, _ outer: Node, _ facts: GraphFacts) throws(PassError) -> Bool {
        guard let type = facts.elementType(inner.inputs[0]), Self.integers.contains(type),
            facts.elementType(outer.outputs[0]) == type,
            (inner.attributes + outer.attributes).allSatisfy({ Self.attributes.contains($0.name) }),
            let scale = try facts.tensor(inner.inputs[1]), let other = try facts.tensor(outer.inputs[1]),
            scale.elementType == .float32, scale.holdsSame(as: other), let scales = scale.values(as: Float.self)
        else { return false }
        // A product with the largest integer is finite, and one with the smallest is exact but for rounding.
        guard scales.allSatisfy({ $0 >= .leastNormalMagnitude && $0 <= .greatestFiniteMagnitude / 0x1p17 }) else { return false }
        guard scale.shape.rank == 0 || axis(inner) == axis(outer) && int(inner, "block_size") == int(outer, "block_size") else {
            return false
        }
        // Quantized and dequantized in another type in between, an integer may not come back.
        if let between = outputType(inner), between != .float32 { return false }
        return try zeroPoint(inner, facts).isSame(as: zeroPoint(outer, facts))
    }

    private func int(_ node: Node, _ name: String, _ fallback: Int64 = 0) -> Int64 { node.attribute(name)?.int ?? fallback }
    private func axis(_ node: Node) -> Int64 { int(node, "axis", 1) }

    private func outputType(_ node: Node) -> ElementType? {
        node.attribute("output_dtype")?.int.flatMap { ElementType(rawValue: Int32(truncatingIfNeeded: $0)) }
    }

    private enum ZeroPoint {
        case zero
        case given(Tensor)
        case unknown

        func isSame(as other: ZeroPoint) -> Bool {
            switch (self, other) {
            case (.unknown, _), (_, .unknown): false
            case (.zero, .zero): true
            case (.given(let one), .given(let other)): one.holdsSame(as: other)
            case (.given(let one), .zero), (.zero, .given(let one)): withExtendedLifetime(one) { one.bytes.allSatisfy { $0 == 0 } }
            }
        }
    }

    private func zeroPoint(_ node: Node, _ facts: GraphFacts) throws(PassError) -> ZeroPoint {
        guard node.inputs.count > 2, !node.inputs[2].isEmpty else { return .zero }
        guard let tensor = try facts.tensor(node.inputs[2]) else { return .unknown }
        return .given(tensor)
    }
}
