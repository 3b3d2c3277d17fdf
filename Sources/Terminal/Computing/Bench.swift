package import ArgumentParser

package struct Bench: ComputingCommand {
    package static let configuration = CommandConfiguration(
        abstract: "Measure the ways in which this machine can execute a model, against each other.",
        discussion: """
            Engines, precisions, numbers of threads and of rows are timed in turns, each in a process of its own. With --data their \
            outputs are compared with those of the model as it is: a way whose outputs have a cosine below 0.9999 to them, or that changes \
            the greatest score of a row, does not pass. Without rows, inputs are made up, and only times count.
            Changes nothing. What comes out depends on this machine: `millrace forward --precision auto` uses it.
            """)

    @Argument(help: "An ONNX model.", completion: .file()) package var model: String
    @Option(name: .long, help: ArgumentHelp("Rows to score.", valueName: "rows"), completion: .file()) package var data: String?
    @OptionGroup package var rows: RowOptions
    @OptionGroup package var measuring: MeasuringOptions
    @OptionGroup package var output: JSONFlag

    package init() {}
}
