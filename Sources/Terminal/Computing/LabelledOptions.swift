package import ArgumentParser

/// Says how a labelled file's columns become model inputs and labels.
package struct LabelledOptions: ParsableArguments {
    @Option(name: .long, help: "The column to learn; a pattern such as p_*, or names with commas, where the loss takes several.") package
        var label: String?
    @Option(name: .long, help: "A column of what each row counts.") package var weight: String?
    @Option(
        name: .long, help: ArgumentHelp("The names of the classes in the order of the model's class axis, with commas.", valueName: "names")
    )
    package var classes: String?
    @Option(name: .long, help: ArgumentHelp("The columns that name a row, with commas.", valueName: "columns")) package var key: String?
    @Option(name: .long, help: ArgumentHelp("A column that is no feature.", valueName: "column")) package var ignore: [String] = []
    @Option(
        name: .long,
        help: ArgumentHelp(
            "The columns of a model input: a pattern such as pixels=pixel_*, or names with commas.", valueName: "input=pattern"))
    package var columns: [Assignment] = []
    @Option(name: .long, help: ArgumentHelp("What a model input's values are multiplied by.", valueName: "input=factor")) package var scale:
        [Assignment] = []

    package func validate() throws {
        for factor in scale where Double(factor.value) == nil {
            throw ValidationError("--scale \(factor.name)=\(factor.value): not a number.")
        }
    }

    package var isEmpty: Bool {
        label == nil && weight == nil && classes == nil && key == nil && ignore.isEmpty && columns.isEmpty && scale.isEmpty
    }

    package init() {}
}
