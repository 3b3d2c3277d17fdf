package import Autodiff
package import ONNX
import Passes
package import Tensors

/// Lists what an `optimize` stage with its defaults can train in a model: every parameter, with the reason if it is not trained, and every
/// operator, with what happens to a gradient in it. Nothing is run.
package struct ParameterSurvey: Sendable {
    package struct Parameter: Sendable, Equatable {
        package let name: String
        /// The shape of the parameter; nil where the model stores it in a form that is not read here.
        package let shape: Shape?
        /// The reason why the parameter is not trained; nil if it is trained.
        package let reason: String?
        /// The other names under which the model stores the same weight.
        package let sharedWith: [String]
    }

    /// The model in training form.
    package let form: Model
    /// The operators on the way from a floating point output to a parameter.
    package let paths: PathSurvey
    /// The parameters in the order of the model.
    package let parameters: [Parameter]

    /// - Throws: `nothingTrainable` where no recipe trains the model as it is, with the same words as an `optimize` stage.
    package init(_ model: Model) throws(AutodiffError) {
        let form = try model.inTrainingForm()
        self.form = form
        if Trainables.isQuantized(form) { throw .nothingTrainable(reason: Trainables.quantized) }
        let floats = form.graph.initializers.filter { $0.elementType == .float32 || $0.elementType == .float64 }
        let refused = ParameterHomes(model).refused
        guard !floats.isEmpty else {
            let reasons = refused.map { StepGraph.Untrained(name: $0.name, reason: $0.reason) }
            throw .nothingTrainable(reason: Trainables.emptiness(form, form.graph.initializers, reasons))
        }
        let types: InferredTypes
        do { types = try form.inferTypes() } catch { throw .invalid(place: "the model", reason: "\(error)") }
        let outputs = form.graph.outputs.map(\.name).filter { types[form.graph.numbers(behind: $0)]?.elementType?.isFloatingPoint ?? false }
        let paths = try ReverseMode.survey(form, from: outputs.map { form.graph.numbers(behind: $0) }, for: floats.map(\.name))
        self.paths = paths
        let others: [String: [String]]
        do { others = try SharedWeights(form).others } catch { throw .invalid(place: "the model", reason: "\(error)") }
        // It is known which parameters a gradient reaches only where the gradient can be built.
        let built = paths.refusals.isEmpty ? try BackwardGraph(model, cotangentsOf: outputs) : nil
        let untrained = Dictionary((built?.untrained ?? []).map { ($0.name, $0.reason) }, uniquingKeysWith: { first, _ in first })
        let roles = ParameterRoles(form)
        var normalized: Set<String> = []
        form.graph.forEachNode { if $0.operatorType == "BatchNormalization" { normalized.formUnion($0.inputs.dropFirst().prefix(2)) } }
        parameters =
            floats.map { tensor in
                var reason = built == nil ? "an operator behind it may be refused" : untrained[tensor.name] ?? roles.constantReason(tensor)
                if reason == nil, normalized.contains(tensor.name) { reason = "frozen, unless batch_normalization is affine or train" }
                return Parameter(name: tensor.name, shape: tensor.shape, reason: reason, sharedWith: others[tensor.name] ?? [])
            } + refused.map { Parameter(name: $0.name, shape: nil, reason: $0.reason, sharedWith: []) }
    }
}
