package import ONNX

/// Makes constants of the initializers that are also inputs (`bind_initializers`): up to IR version 3 all of them are, since then those
/// whose value a caller may override.
package struct BindInitializers: CountingPass {
    package let name = "bind_initializers"
    package init() {}

    /// Returns the number of initializers that were inputs, or 1 where only the version of the format changes.
    package func rewrite(_ model: inout Model) -> Int {
        let required = model.graph.requiredInputs, count = model.graph.inputs.count - required.count
        guard count > 0 || model.irVersion < 4 else { return 0 }
        model.graph.inputs = required
        // Below version 4, every initializer must also be an input.
        model.irVersion = max(model.irVersion, 4)
        return max(count, 1)
    }
}
