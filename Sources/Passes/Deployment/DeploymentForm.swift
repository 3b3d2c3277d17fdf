package import ONNX
package import Recipes
package import Tensors

/// Runs a model that has no inputs and returns its outputs in order; nil where the engine does not run it. Constant folding computes with
/// it, so that this module knows no engine.
package typealias ConstantEvaluator = @Sendable (Model) -> [Tensor]?

/// Runs passes that make a model cheaper to run, and portable: the model computes the same but for rounding, with the same inputs and
/// outputs, and names. After every pass the model is checked, so that the error names the pass that breaks a model.
///
/// Only the outermost graph is rewritten. What its subgraphs read counts as used there. A value that a caller may override (an initializer
/// that is also an input, since IR version 4) is no constant.
package struct DeploymentForm: Sendable {
    package let passes: [GraphPass]
    private let evaluate: ConstantEvaluator
    private let limits: FoldingLimits

    /// The number of rounds after which the passes end although one of them still finds something. Two or three are usual.
    static let mostRounds = 32

    /// - Parameter passes: the passes in the order in which they run.
    package init(
        _ passes: [GraphPass] = GraphPass.standard, limits: FoldingLimits = FoldingLimits(), evaluate: @escaping ConstantEvaluator
    ) {
        self.passes = passes
        self.limits = limits
        self.evaluate = evaluate
    }

    /// Runs the passes, again and again until a whole round changes nothing, since each may make room for those before it.
    /// - Throws: the error of a pass, or one with `broken` in its reason if a pass leaves an invalid model. The model is then unchanged.
    package func apply(to model: inout Model) throws(PassError) -> GraphChanges {
        var changes = GraphChanges(nodesBefore: model.graph.nodes.count)
        var form = model
        form.mergeImports()
        var check = try ModelCheck(form, ignoresStatements: true)
        for _ in 0..<Self.mostRounds {
            var isSettled = true
            for name in passes {
                do throws(PassError) {
                    let count = try pass(name).rewrite(&form)
                    guard count > 0 else { continue }
                    changes.add(count, to: name)
                    isSettled = false
                    try check.verify(form, after: name.rawValue)
                } catch {
                    var error = error
                    error.after = changes.changes.map(\.pass.rawValue).filter { $0 != name.rawValue }
                    throw error
                }
            }
            if isSettled { break }
        }
        // Without a change the model keeps its bytes.
        if !changes.isEmpty { model = form }
        changes.nodesAfter = model.graph.nodes.count
        return changes
    }

    /// Returns the pass of a name.
    package func pass(_ name: GraphPass) -> any CountingPass {
        switch name {
        case .bindInitializers: BindInitializers()
        case .inlineFunctions: InlineFunctions()
        case .standardizeOperators: StandardizeOperators()
        case .removeTrainingNodes: RemoveTrainingNodes()
        case .foldConstants: FoldConstants(limits: limits, evaluate: evaluate)
        case .removeIdentities: RemoveNoOperations()
        case .cancelQuantization: CancelQuantization()
        case .mergeTransposes: MergeTransposes()
        case .mergeReshapes: MergeReshapes()
        case .fuseGemm: FuseGemm()
        case .fuseBatchNorm: FuseBatchNormalization()
        case .shareInitializers: ShareInitializers()
        case .shareSubexpressions: ShareSubexpressions()
        case .removeDeadNodes: RemoveDeadNodes()
        case .removeUnusedInitializers: RemoveUnusedInitializers()
        }
    }
}
