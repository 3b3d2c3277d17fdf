package import ONNX
import Tensors

/// Writes operators that ONNX Runtime makes of several (`com.microsoft`, and two that it puts into the default domain) as the standard
/// operators that they stand for (`standardize_operators`), so that any engine runs the model, and other passes see what it computes.
///
/// A form that has no standard one in the model's own operator set stays, such as an Attention that keeps a state. Only nodes of the
/// outermost graph are rewritten.
package struct StandardizeOperators: CountingPass {
    package let name = "standardize_operators"
    package init() {}

    static let domain = "com.microsoft"

    /// The forms by operator. Each returns false where it has none for the node.
    private static let forms: [String: @Sendable (inout StandardForm) -> Bool] = [
        "com.microsoft.FusedMatMul": StandardProducts.matMul, "com.microsoft.TransposeMatMul": StandardProducts.matMul,
        "com.microsoft.FusedGemm": StandardProducts.gemm, "com.microsoft.FusedConv": StandardProducts.conv,
        "com.microsoft.DynamicQuantizeMatMul": StandardProducts.dynamicQuantizeMatMul,
        "com.microsoft.MatMulIntegerToFloat": StandardProducts.matMulIntegerToFloat,
        "com.microsoft.Gelu": StandardActivations.gelu, "com.microsoft.BiasGelu": StandardActivations.biasGelu,
        "com.microsoft.FastGelu": StandardActivations.fastGelu, "com.microsoft.QuickGelu": StandardActivations.quickGelu,
        "com.microsoft.SkipLayerNormalization": StandardNormalizations.skipLayer,
        "com.microsoft.SkipSimplifiedLayerNormalization": StandardNormalizations.skipRootMeanSquare,
        "com.microsoft.EmbedLayerNormalization": StandardNormalizations.embedding,
        "com.microsoft.Attention": StandardAttention.attention,
        "LayerNormalization": StandardNormalizations.layer, "SimplifiedLayerNormalization": StandardNormalizations.rootMeanSquare,
    ]

    package func rewrite(_ model: inout Model) throws(PassError) -> Int {
        // Since version 7 all operands broadcast.
        guard let version = model.operatorSetVersion(), version >= 7,
            model.graph.nodes.contains(where: { Self.forms[$0.qualifiedType] != nil })
        else { return 0 }
        let facts = try GraphFacts(model, pass: name)
        // Here the file's statements count too: what follows from an operator of this domain is not known before it is rewritten.
        let types = try model.inferTypes(for: name)
        var builder = GraphBuilder(extending: model.graph, prefix: "")
        var nodes: [Node] = []
        var count = 0
        for node in facts.nodes {
            guard let write = Self.forms[facts.type(node)] else {
                nodes.append(node)
                continue
            }
            var form = StandardForm(node, facts, types, builder)
            guard write(&form) else {
                nodes.append(node)
                continue
            }
            nodes += form.builder.nodes[builder.nodes.count...]
            builder = form.builder
            count += 1
        }
        guard count > 0 else { return 0 }
        model.graph.nodes = nodes
        model.adopt(builder.initializers)
        model.graph.dropStaleValues()
        model.dropUnusedImport(of: Self.domain)
        return count
    }
}

extension Model {
    fileprivate mutating func dropUnusedImport(of domain: String) {
        var isUsed = false
        forEachNode { isUsed = isUsed || $0.domain == domain }
        if !isUsed { operatorSets.removeAll { $0.domain == domain } }
    }
}
