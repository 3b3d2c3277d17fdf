package import ArgumentParser

package struct Diff: ComputingCommand {
    package static let configuration = CommandConfiguration(
        abstract: "Say what is different between two models.",
        discussion: """
            Inputs, outputs, operator sets and metadata, the number of operators, nodes that make a value in another way, and \
            initializers: those that have other values, with the difference, another type or shape, or that only one model has. An \
            adapter.safetensors beside a model is applied.
            With --data both models score the first 256 rows: how far each output is apart, and which value in between is the first that \
            differs, with the node that makes it. Without rows nothing is run.
            """)

    @Argument(help: "An ONNX model.", completion: .file()) package var a: String
    @Argument(help: "Another ONNX model.", completion: .file()) package var b: String
    @Option(name: .long, help: ArgumentHelp("Rows to score with both.", valueName: "rows"), completion: .file()) package var data: String?
    @OptionGroup package var rows: RowOptions
    @Option(
        name: .long,
        help: ArgumentHelp("With --data, the relative error above which values differ. Default: 1e-4.", valueName: "error"))
    package var tolerance: Double?
    @Flag(name: .long, help: "End with 1 where the models differ.") package var exitCode = false
    @OptionGroup package var output: JSONFlag

    package func validate() throws {
        if let tolerance {
            guard data != nil else { throw ValidationError("--tolerance is for --data.") }
            guard tolerance >= 0, tolerance.isFinite else { throw ValidationError("--tolerance is a number from 0 on.") }
        }
        guard data != nil || rows.isEmpty else {
            throw ValidationError("--columns, --scale, --value, --batch-axis, --keep, --outputs and --pipeline are for --data.")
        }
    }

    /// The relative error above which values differ where nobody says otherwise. Other orders of summation stay far below it.
    package static let standardTolerance = 1e-4

    package init() {}
}
