package import ArgumentParser

/// The options that say how rows become the inputs of a model, and which of its outputs are wanted.
package struct RowOptions: ParsableArguments {
    @Option(name: .long, help: ArgumentHelp("A column to carry through to the output.", valueName: "column")) package var keep: [String] =
        []
    @Option(
        name: .long,
        help: ArgumentHelp(
            "The columns of a model input: a pattern such as pixels=pixel_*, or names with commas.", valueName: "input=pattern"))
    package var columns: [Assignment] = []
    @Option(name: .long, help: ArgumentHelp("What a model input's values are multiplied by.", valueName: "input=factor")) package var scale:
        [Assignment] = []
    @Option(
        name: .long,
        help: ArgumentHelp(
            "What a model input is in every row, where no column fills it: one value, or those of a row with commas.",
            valueName: "input=value"))
    package var value: [Assignment] = []
    @Option(name: .long, help: ArgumentHelp("The axis of a model input or output that is the rows. Default: 0.", valueName: "name=axis"))
    package var batchAxis: [Assignment] = []
    @Option(
        name: .long, help: ArgumentHelp("A model output to write, and its columns. Default: every output.", valueName: "output=columns"))
    package var outputs: [Assignment] = []
    @Option(name: .long, help: "A pipeline file to take the schema and the outputs from.", completion: .file()) package var pipeline:
        String?

    /// Tells whether none of these options is given.
    package var isEmpty: Bool { pipeline == nil && !isAsked }

    /// Tells whether an option is given that a pipeline would decide.
    private var isAsked: Bool {
        !(keep.isEmpty && columns.isEmpty && scale.isEmpty && outputs.isEmpty && value.isEmpty && batchAxis.isEmpty)
    }

    package func validate() throws {
        guard pipeline == nil || !isAsked else {
            throw ValidationError(
                "--pipeline says what --keep, --columns, --scale, --value, --batch-axis and --outputs say: give one or the other.")
        }
        for axis in batchAxis where !(0...15 ~= Int(axis.value) ?? -1) {
            throw ValidationError("--batch-axis \(axis.name)=\(axis.value): not a number from 0 to 15.")
        }
        for name in value.map(\.name) where (columns + scale).contains(where: { $0.name == name }) {
            throw ValidationError("--value \(name): an input with a value takes no --columns and no --scale.")
        }
        for factor in scale where Double(factor.value) == nil {
            throw ValidationError("--scale \(factor.name)=\(factor.value): not a number.")
        }
    }

    package init() {}
}
