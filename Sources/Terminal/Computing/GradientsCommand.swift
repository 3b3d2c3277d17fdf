package import ArgumentParser

package struct GradientsCommand: ComputingCommand {
    package static let configuration = CommandConfiguration(
        commandName: "gradients",
        abstract: "What of a model can be trained: its operators, those with a gradient and those refused and why. Nothing is run.",
        discussion: """
            Of its float initializers and constants those are trained that stand where an operator has its weights, and those that are \
            added or multiplied like a bias or a scale. Single numbers (but for a bias behind a MatMul, Gemm or Conv), masks and positions \
            are taken for constants, and BatchNormalization is frozen: an optimize stage says otherwise with `train`, `freeze` and \
            `batch_normalization`. A weight that the model stores more than once stays one weight: the list says which, and `untie` keeps \
            them apart.
            Ends with 1 where an operator on the way from an output to a parameter has no gradient.
            """)

    @Argument(help: "An ONNX model.", completion: .file()) package var model: String
    @Flag(name: .long, help: "Every operator and every parameter, not only what is refused.") package var list = false
    @OptionGroup package var output: JSONFlag

    package init() {}
}
