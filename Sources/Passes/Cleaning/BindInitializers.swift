package import ONNX

/// Makes constants of the initializers that are also inputs (`bind_initializers`): up to IR version 3 all of them are, since then those
/// whose value a caller may override.
package struct BindInitializers: Pass {
    package let name = "bind_initializers"
    package init() {}

    package func run(_ model: inout Model) -> Bool {
        let required = model.graph.requiredInputs
        guard required.count < model.graph.inputs.count || model.irVersion < 4 else { return false }
        model.graph.inputs = required
        // Below version 4, every initializer must also be an input.
        model.irVersion = max(model.irVersion, 4)
        return true
    }
}
