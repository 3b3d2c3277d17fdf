package import ArgumentParser

package struct Backward: ComputingCommand {
    package static let configuration = CommandConfiguration(
        abstract: "The gradients of a model on given data: one array for each initializer, under its name.",
        discussion: """
            Of a loss (--loss, --label), or with --cotangent the vector-Jacobian product. DATA is a table, whose rows go through in \
            batches, or an .npz file of arrays named as the model's inputs, which go through in one run. Dropout and BatchNormalization \
            are as in inference.
            Losses: \(LossArgument.names.joined(separator: ", ")).
            """)

    @Argument(help: "An ONNX model.", completion: .file()) package var model: String
    @Argument(help: "The rows, or the arrays.", completion: .file()) package var data: String
    @Option(name: .long, help: "What to differentiate.") package var loss: LossArgument?
    @Option(
        name: .long,
        help: ArgumentHelp(
            "Cotangents of the outputs, arrays named as they are (.npz or .safetensors), in place of a loss.", valueName: "file"),
        completion: .file())
    package var cotangent: String?
    @Option(name: .long, help: ArgumentHelp("The model output that the loss reads.", valueName: "output")) package var prediction:
        [String] = []
    @OptionGroup package var labelled: LabelledOptions
    @Flag(name: .long, help: "The gradients of the float inputs too.") package var inputs = false
    @Option(name: .long, help: "Where the gradients go, .npz or .safetensors.", completion: .file()) package var out: String
    @Option(name: .long, help: "Rows at a time.") package var batchSize = 256
    @Option(name: .long, help: "Engine threads. Default: the cores.") package var threads: Int?
    @Flag(name: .long, help: "Replace the file where it is there.") package var force = false
    @OptionGroup package var output: JSONFlag
    @OptionGroup package var values: ValuesFlag

    package func validate() throws {
        guard (loss == nil) != (cotangent == nil) else { throw ValidationError("Give --loss or --cotangent.") }
        guard cotangent == nil || labelled.label == nil && labelled.weight == nil else {
            throw ValidationError("--label and --weight are for a loss; --cotangent takes their place.")
        }
        guard batchSize >= 1, threads ?? 1 >= 1 else { throw ValidationError("--batch-size and --threads are at least 1.") }
    }

    package init() {}
}
