package import ArgumentParser
import Recipes

/// The options that name the labelled rows of `--gate-metric`, for commands that train nothing.
package struct JudgedOptions: ParsableArguments {
    @Option(
        name: .long,
        help: ArgumentHelp(
            "A file of labelled rows that the model has not learnt from, for --gate-metric; as often as there are files.",
            valueName: "data"),
        completion: .file())
    package var labelled: [String] = []
    @Option(name: .long, help: "With --labelled: the column that the outputs are compared with; a pattern, or names with commas.")
    package var label: String?
    @Option(name: .long, help: "With --labelled: a column of what each row counts.") package var weight: String?
    @Option(
        name: .long,
        help: ArgumentHelp(
            "With --labelled: the names of the classes in the order of the model's class axis, with commas.", valueName: "names"))
    package var classes: String?
    @Option(
        name: .long,
        help: ArgumentHelp(
            "With --labelled: the loss that says what the outputs mean. Default: by the metric; needed for --gate-metric loss.",
            valueName: "loss"))
    package var loss: LossArgument?
    @Option(
        name: .long,
        help: ArgumentHelp("With --labelled: the output that is compared. Default: the only one that can be meant.", valueName: "output"))
    package var prediction: [String] = []

    package init() {}

    /// Tells whether an option is given that is of `--labelled`.
    private var isAsked: Bool {
        label != nil || weight != nil || classes != nil || loss != nil || !prediction.isEmpty
    }

    /// - Parameters:
    ///   - hasPipeline: whether a pipeline says how rows are read.
    package func check(with gate: GateOptions, hasPipeline: Bool) throws {
        guard labelled.isEmpty == (gate.gateMetric == nil) else {
            throw ValidationError("--gate-metric and --labelled DATA go together: the metric is measured on those rows.")
        }
        guard !labelled.isEmpty || !isAsked else {
            throw ValidationError("--label, --weight, --classes, --loss and --prediction are of --labelled.")
        }
        guard !labelled.isEmpty else { return }
        guard hasPipeline || label != nil else { throw ValidationError("Give --label COLUMN, or --pipeline FILE.") }
        guard !hasPipeline || !isAsked else {
            throw ValidationError("--pipeline says what --label, --weight, --classes, --loss and --prediction say: give one or the other.")
        }
        guard hasPipeline || gate.gateMetric != .loss || loss != nil else {
            throw ValidationError("--gate-metric loss needs --loss, which says what is measured.")
        }
    }
}
