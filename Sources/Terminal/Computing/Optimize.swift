package import ArgumentParser

package struct Optimize: ComputingCommand {
    package static let configuration = CommandConfiguration(
        abstract: "Make a model better by gradient descent on labelled rows, without a daemon.",
        discussion: """
            The new model is the given one with other values in its trained initializers; the best epoch on the held-out rows is kept, and \
            written if it is better there than the given model, or as --gate says. With --no-merge, or merge: false in the pipeline, \
            NEW.safetensors is an adapter that belongs to the model as it is. NEW appears whole or not at all. Killed or interrupted, the \
            same command goes on from its last checkpoint and gives the same bytes.
            Ends with 0 when NEW is there, 5 when the gate did not pass and nothing was written, 2 when the command line or the pipeline \
            is wrong, and 1 when it cannot be trained.
            Losses: \(LossArgument.names.joined(separator: ", ")).
            """)

    @Argument(help: "An ONNX model with float weights.", completion: .file()) package var model: String
    @Option(
        name: .long,
        help: ArgumentHelp("A file of labelled rows; as often as there are files.", valueName: "data"),
        completion: .file())
    package var labelled: [String]
    @Option(name: .long, help: ArgumentHelp("Where the new model goes.", valueName: "new.onnx"), completion: .file()) package var out:
        String
    @Option(
        name: .long,
        help: ArgumentHelp("An adapter that training goes on from. Default: adapter.safetensors beside the model.", valueName: "file"),
        completion: .file())
    package var adapter: String?
    @OptionGroup package var columns: LabelledOptions
    @OptionGroup package var descent: DescentOptions
    @Option(
        name: .long,
        help: ArgumentHelp("A pipeline to take the schema and the optimize stage from, in place of the options above.", valueName: "file"),
        completion: .file())
    package var pipeline: String?
    @Option(name: .long, help: "Engine threads. Default: the cores. Another number may give other bytes.") package var threads: Int?
    @Option(
        name: .long,
        help: ArgumentHelp("Where checkpoints are kept until NEW is there. Default: a folder beside it.", valueName: "folder"),
        completion: .directory)
    package var checkpoints: String?
    @Option(name: .long, help: "Steps from one checkpoint to the next within an epoch.") package var checkpointSteps = 1000
    @Flag(name: .long, help: "Replace NEW where it is there.") package var force = false
    @OptionGroup package var output: JSONFlag
    @OptionGroup package var values: ValuesFlag

    package func validate() throws {
        guard !labelled.isEmpty else { throw ValidationError("Give --labelled DATA.") }
        guard pipeline == nil || columns.isEmpty && descent.isPlain else {
            throw ValidationError("--pipeline says how rows are read and how the model is trained: give it or options, not both.")
        }
        guard pipeline != nil || descent.loss != nil else { throw ValidationError("Give --loss, or --pipeline FILE.") }
        guard threads ?? 1 >= 1, checkpointSteps >= 1 else { throw ValidationError("--threads and --checkpoint-steps are at least 1.") }
    }

    package init() {}
}
