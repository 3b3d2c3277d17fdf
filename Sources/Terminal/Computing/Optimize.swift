package import ArgumentParser
package import Recipes

package struct Optimize: ComputingCommand {
    package static let configuration = CommandConfiguration(
        abstract: "Make a model better by gradient descent on labelled rows, or faster on this machine, without a daemon.",
        discussion: """
            With --data, NEW is the model rewritten so that it runs faster here: the forms that --precision allows are made and \
            measured against the model as it is, and the fastest whose outputs for the rows agree (or, with --gate-metric, that is as good on \
            labelled rows) is written; where none is faster, NEW is the model \
            as it is. The table says what was measured, and in which way NEW is executed fastest (`forward --precision`). With --labelled \
            too, the model is trained first, and --gate-metric is measured on the rows that are held out; without --loss or --pipeline it is not \
            trained, and all labelled rows judge.
            With --labelled, the new model is the given one with other values in its trained initializers; the best epoch \
            on the held-out rows is kept, and written if it is better there than the given model, or as --gate says. With --no-merge, or merge: false in the pipeline, \
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
    package var labelled: [String] = []
    @Option(
        name: .long,
        help: ArgumentHelp("A file of rows on which ways of executing the model are compared and measured.", valueName: "data"),
        completion: .file())
    package var data: String?
    @Option(name: .long, help: "With --data: auto (float32 and bfloat16), float32, bfloat16, float16, int8 or int4.")
    package var precision: PrecisionRequest = .auto
    @OptionGroup package var agreement: GateOptions
    @Option(name: .long, help: ArgumentHelp("With --data: the seconds that timing may take. Default: 60.", valueName: "seconds"))
    package var budget: Double?
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
        guard !labelled.isEmpty || data != nil else {
            throw ValidationError("Give --labelled DATA to train the model, --data DATA to make it faster on this machine, or both.")
        }
        guard data != nil || precision == .auto && !agreement.isGiven && budget == nil else {
            throw ValidationError("--precision, --budget and the options of the gate (--gate-cosine, --gate-metric …) are of --data.")
        }
        guard agreement.gateMetric == nil || !labelled.isEmpty else {
            throw ValidationError("--gate-metric is measured on labelled rows: give --labelled DATA.")
        }
        guard agreement.gateMetric == nil || trains || columns.label != nil else { throw ValidationError("Give --label COLUMN.") }
        guard trains || agreement.gateMetric != .loss else {
            throw ValidationError("--gate-metric loss needs --loss, which says what is measured.")
        }
        if let budget { try MeasuringOptions.check(budget: budget) }
        guard !labelled.isEmpty || descent.isPlain else { throw ValidationError("The options of training are of --labelled.") }
        guard pipeline == nil || columns.isEmpty && descent.isPlain else {
            throw ValidationError("--pipeline says how rows are read and how the model is trained: give it or options, not both.")
        }
        // Labelled rows may also be there to judge by alone.
        guard trains || labelled.isEmpty || agreement.gateMetric != nil && descent.isPlain(but: descent.prediction) else {
            throw ValidationError("Give --loss, or --pipeline FILE.")
        }
        guard threads ?? 1 >= 1, checkpointSteps >= 1 else { throw ValidationError("--threads and --checkpoint-steps are at least 1.") }
    }

    /// Tells whether the model is trained.
    package var trains: Bool { !labelled.isEmpty && (pipeline != nil || descent.loss != nil) }

    package init() {}
}
