import ONNX
import Tensors

/// Operators that are made of many steps: a rule computes the outputs again from the inputs, in operators that have gradient rules of their
/// own, and those are differentiated. Nothing for an output that is not differentiated.
typealias Expansion = @Sendable (RuleContext) throws(AutodiffError) -> [Symbol?]

enum Expansions {
    static let rules: [String: Expansion] = [
        "Attention": AttentionExpansion.rule,
        "CausalConvWithState": CausalConvolutionExpansion.rule,
        "GridSample": GridSampleExpansion.rule,
    ]
}
