package import ONNX
import Tensors

/// Makes one Gemm of a MatMul of two matrices and the Add of its bias (`fuse_gemm`). Products of more than two axes stay, as Gemm has none;
/// so do values in 16 bits, for which not every engine has a Gemm.
package struct FuseGemm: CountingPass {
    package let name = "fuse_gemm"
    package init() {}

    package func rewrite(_ model: inout Model) throws(PassError) -> Int {
        // Since version 7 a Gemm broadcasts its bias without being told to.
        guard model.operatorSetVersion() ?? 0 >= 7, model.graph.has(["MatMul"]) else { return 0 }
        let facts = try GraphFacts(model, pass: name)
        var gone: Set<Int> = [], made: Set<Int> = []
        for (position, node) in facts.nodes.enumerated() where facts.type(node) == "MatMul" {
            let product = node.outputs[0]
            guard let type = facts.elementType(product), type == .float32 || type == .float64,
                let left = facts.extents(node.inputs[0]), left.count == 2, let right = facts.extents(node.inputs[1]), right.count == 2,
                let reader = facts.onlyReader(of: product), !made.contains(reader), facts.type(facts.nodes[reader]) == "Add",
                let bias = facts.nodes[reader].inputs.first(where: { $0 != product }),
                Self.broadcasts(facts.extents(bias), to: [left[0], right[1]])
            else { continue }
            let sum = facts.nodes[reader]
            model.graph.nodes[reader] = Node(
                "Gemm", [node.inputs[0], node.inputs[1], bias], sum.outputs, name: sum.name.isEmpty ? nil : sum.name)
            gone.insert(position)
            made.insert(reader)
        }
        guard !gone.isEmpty else { return 0 }
        model.graph.nodes = model.graph.nodes.enumerated().filter { !gone.contains($0.offset) }.map(\.element)
        model.graph.dropStaleValues()
        return gone.count
    }

    /// Tells whether a bias broadcasts to the product and does not broaden it.
    private static func broadcasts(_ bias: [Dimension]?, to product: [Dimension]) -> Bool {
        guard let bias, bias.count <= 2 else { return false }
        return zip(bias.reversed(), product.reversed()).allSatisfy { bias, product in
            bias.value == 1 || bias.value != nil && bias == product
        }
    }
}
