package import ONNX
import Tensors

/// Lowers operators of `ai.onnx.ml` (`lower_classic`): it replaces them by operators of the default domain that compute what ONNX Runtime
/// computes for them, so that gradients pass through them: linear models, tree ensembles (`TreeEnsembleLowering`) and the numeric operators
/// before these.
///
/// The attributes that training changes (coefficients, intercepts, values of leaves) are initializers already, since `LiftParameters` has
/// run; the other attributes become Constant nodes. A form of an operator that has no replacement here stays unchanged. Only nodes of the
/// outermost graph are replaced.
package struct LowerClassicOperators: Pass {
    package let name = "lower_classic"
    package init() {}

    package static let domain = "ai.onnx.ml"

    private static let lowerings: [String: @Sendable (inout Lowering) throws(Lowering.Refused) -> Void] = [
        "LinearClassifier": LinearLowering.classifier, "LinearRegressor": LinearLowering.regressor,
        "TreeEnsembleClassifier": TreeEnsembleLowering.classifier, "TreeEnsembleRegressor": TreeEnsembleLowering.regressor,
        "TreeEnsemble": TreeEnsembleLowering.ensemble,
        "Scaler": NumericLowering.scaler, "Imputer": NumericLowering.imputer, "Normalizer": NumericLowering.normalizer,
        "Binarizer": NumericLowering.binarizer, "FeatureVectorizer": NumericLowering.featureVectorizer,
        "ArrayFeatureExtractor": NumericLowering.arrayFeatureExtractor,
    ]

    package func run(_ model: inout Model) throws(PassError) -> Bool {
        func lowering(_ node: Node) -> (@Sendable (inout Lowering) throws(Lowering.Refused) -> Void)? {
            canonicalDomain(node.domain) == Self.domain ? Self.lowerings[node.operatorType] : nil
        }
        guard model.graph.nodes.contains(where: { lowering($0) != nil }) else { return false }
        let types = try model.inferTypes(for: name)
        var names = model.graph.index
        var nodes: [Node] = []
        var constraints: [String: ParameterConstraint] = [:]
        var changed = false
        for node in model.graph.nodes {
            guard let lower = lowering(node) else {
                nodes.append(node)
                continue
            }
            var lowering = Lowering(node, types: types, names: names)
            do throws(Lowering.Refused) { try lower(&lowering) } catch {
                guard case .tooLarge(let reason) = error else {
                    nodes.append(node)
                    continue
                }
                throw PassError(
                    pass: name, place: node.place, reason: reason,
                    remedy: "export a model with fewer or shallower trees to train, or score with this one as it is")
            }
            names = lowering.names
            nodes += lowering.nodes
            constraints.merge(lowering.constraints) { $1 }
            changed = true
        }
        guard changed else { return false }
        model.graph.nodes = nodes
        for position in model.graph.initializers.indices {
            guard let constraint = constraints[model.graph.initializers[position].name] else { continue }
            model.graph.initializers[position].metadata[ParameterConstraint.key] = constraint.text
        }
        if model.operatorSetVersion() == nil { model.importDefaultDomain(version: RaiseOpset.target) }
        return true
    }
}

extension Node {
    /// The keys of the metadata of nodes that replace a lowered operator: its type, and its place.
    static let loweredTypeKey = "millrace.lowered", loweredPlaceKey = "millrace.lowered.place"
    /// The key of the metadata of the node that makes a classifier's scores, where these are probabilities or at least never negative.
    static let scoresKey = "millrace.scores"

    /// The operator of the model that the node belongs to, and its place: the node itself, or the operator that was lowered to it.
    package var origin: (operatorType: String, place: String) {
        (metadata[Self.loweredTypeKey] ?? qualifiedType, metadata[Self.loweredPlaceKey] ?? place)
    }

    /// Tells whether the node makes scores of a classifier that are never negative.
    package var makesProbabilities: Bool { metadata[Self.scoresKey] != nil }
}
