package import ONNX

/// `bind_initializers`: initializers that also stand among the inputs (all of them up to IR version 3; defaults that a caller may override
/// since) become constants of the graph.
package struct BindInitializers: Pass {
    package let name = "bind_initializers"
    package init() {}

    package func run(_ model: inout Model) -> Bool {
        let required = model.graph.requiredInputs
        guard required.count < model.graph.inputs.count || model.irVersion < 4 else { return false }
        model.graph.inputs = required
        // Below version 4, an initializer that is no input is against the rules.
        model.irVersion = max(model.irVersion, 4)
        return true
    }
}
