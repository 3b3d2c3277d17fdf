import ONNX
import Passes

/// Lists all operators that differentiation knows, in families: one record for each.
enum OperatorTable {
    private static let families = [
        arithmetic, activations, products, Convolution.operators, pooling, normalization, layout, indexing, reductions, losses,
        Scattering.operators, Recurrent.operators, withoutGradient, withoutRule,
    ]

    static let records: [String: OperatorGradient] = families.joined().reduce(into: [:]) { records, record in
        precondition(records.updateValue(record, forKey: record.operatorType) == nil, "\(record.operatorType) has two records")
    }

    /// Returns the record of a node's operator. An operator without a record has one that refuses it.
    static func record(of node: Node) -> OperatorGradient {
        records[node.qualifiedType] ?? .refused(node.qualifiedType, reason(node))
    }

    /// Returns the reason why an operator without a record has no gradient.
    private static func reason(_ node: Node) -> String {
        switch canonicalDomain(node.domain) {
        case "":
            for (word, reason) in reasonsByWord where node.operatorType.contains(word) { return reason }
            return "no rule is known for it"
        case LowerClassicOperators.domain:
            return "no gradient of this form of it is known here: those of linear models and trees, Scaler, Imputer, Normalizer, "
                + "FeatureVectorizer and ArrayFeatureExtractor are"
        case "com.microsoft": return "it is a fused operator of ONNX Runtime's own: differentiate the model from before that optimization"
        case let domain where domain.hasPrefix("ai.onnx"): return "operators of \(domain) are not differentiated"
        case let domain: return "nothing is known of the domain \(domain)"
        }
    }

    private static let reasonsByWord = [
        ("Sequence", "sequences are not differentiated"), ("Optional", "optional values are not differentiated"),
        ("String", "texts are not differentiated"), ("Random", "it is random"),
    ]
}
