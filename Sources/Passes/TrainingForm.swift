package import ONNX

/// Defines the one form of a model for which gradient rules are written.
///
/// - The model's own functions are not called: `InlineFunctions`.
/// - The default domain is imported at `RaiseOpset.target` or a newer version, and no node has an older form: `RaiseOpset`.
/// - Nothing is computed in float16 or bfloat16; weights that are stored in these types are float32: `WidenFloat16`, which also says how
///   they are written back.
/// - Every parameter is an initializer of the outermost graph, even if the original model has it in a subgraph: `LiftParameters`.
/// - Linear models, trees and numeric operators of `ai.onnx.ml` are replaced by operators of the default domain: `LowerClassicOperators`.
/// - Initializers are constants, not defaults of inputs: `BindInitializers`.
/// - There is no Identity, except for those that name an output, and no node whose results are unused.
///
/// It is a copy to train: parameters have the names that `ParameterHomes` gives them, and `ParameterHomes.write` copies the trained values
/// back into the original model, which keeps its graph and operator set. Dropout and BatchNormalization are not changed; the code that
/// builds the training step decides what they do.
package enum TrainingForm {
    package static let passes: PassList = [
        LiftParameters(),
        InlineFunctions(),
        RaiseOpset(),
        LowerClassicOperators(),
        BindInitializers(),
        WidenFloat16(),
        RemoveIdentities(),
        RemoveDeadNodes(),
    ]

    /// Returns a model in training form.
    /// - Throws: an error that names pass, node, operator and remedy, if the model cannot be brought into this form.
    package static func of(_ model: Model) throws(PassError) -> Model {
        var copy = model
        copy.mergeImports()
        try passes.run(&copy)
        return copy
    }
}
