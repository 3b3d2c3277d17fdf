import ONNX
import Passes

extension Model {
    /// Returns the model in the form that the rewritings start from: it is not quantized yet, all its initializers that no caller can
    /// override are constants, and its operator set is at least `least`.
    func prepared(leastOperatorSet least: Int64) throws(QuantizationError) -> Model {
        if let (one, other) = graph.twinNames {
            throw .unsupported(
                place: "the model", reason: "its names '\(one)' and '\(other)' differ only in how their characters are composed",
                remedy: "rename one of them")
        }
        try forEachNode { (node) throws(QuantizationError) in
            if node.isQuantized { throw .alreadyQuantized(place: node.place) }
        }
        guard let version = operatorSetVersion() else {
            throw .unsupported(
                place: "the model", reason: "it does not import the default domain", remedy: "export it with operators of ONNX")
        }
        guard version <= RaiseOpset.newest else {
            throw .unsupported(
                place: "the model", reason: "it imports operator set \(version), and only those up to \(RaiseOpset.newest) are known here",
                remedy: "export it with an older one")
        }
        var model = self
        do throws(PassError) {
            if model.irVersion < 4 { _ = try BindInitializers().run(&model) }
            if version < least { _ = try RaiseOpset().run(&model) }
        } catch {
            throw .unsupported(place: error.place, reason: error.reason, remedy: error.remedy)
        }
        // Each operator set came with an IR version, and int4 with that of 21.
        if model.operatorSetVersion() ?? 0 >= RaiseOpset.target, model.irVersion < 10 {
            model.irVersion = 10
        }
        return model
    }
}

extension Node {
    /// The name by which a node is excluded and reported: its own or, where it has none, that of its first result.
    package var label: String { name.isEmpty ? outputs.first { !$0.isEmpty } ?? operatorType : name }

    private static let integerOperators: Set<String> = [
        "QuantizeLinear", "DequantizeLinear", "DynamicQuantizeLinear", "MatMulNBits", "QAttention", "QGemm", "DynamicQuantizeMatMul",
        "DynamicQuantizeLSTM", "MatMulBnb4", "GatherBlockQuantized", "QMoE",
    ]

    /// Tells whether the operator is one of a quantized model.
    fileprivate var isQuantized: Bool {
        Self.integerOperators.contains(operatorType) || operatorType.hasPrefix("QLinear") || operatorType.hasPrefix("QEmbed")
            || operatorType.hasSuffix("Integer") || operatorType.hasSuffix("IntegerToFloat")
    }
}
