package import ArgumentParser
package import Recipes

package struct Bench: ComputingCommand {
    package static let configuration = CommandConfiguration(
        abstract: "Measure the ways in which this machine can execute a model, against each other.",
        discussion: """
            Engines, precisions, numbers of threads and of rows are timed in turns, each in a process of its own. With --data their \
            outputs are compared with those of the model as it is: a way whose outputs have a cosine below 0.9999 to them, or that changes \
            the greatest score of a row, does not pass. Without rows, inputs are made up, and only times count.
            With --precision float16, int8 or int4 the model is also rewritten in forms with such numbers. Outputs of int8 and int4 need \
            a cosine of 0.99, and the greatest score of 95 % of the rows; a form that fails is made again with its worst layers in float. \
            With --gate-metric a metric on the rows of --labelled decides in their place; without --data the first of these files is scored.
            Changes nothing. What comes out depends on this machine: `millrace forward --precision auto` uses it.
            """)

    @Argument(help: "An ONNX model.", completion: .file()) package var model: String
    @Option(name: .long, help: ArgumentHelp("Rows to score.", valueName: "rows"), completion: .file()) package var data: String?
    @OptionGroup package var rows: RowOptions
    @Option(
        name: .long,
        help: ArgumentHelp(
            "What to try: auto (float32 and bfloat16), float32, bfloat16, float16, int8 or int4. What is more exact is tried too. "
                + "Default: auto.", valueName: "precision"))
    package var precision = PrecisionRequest.auto
    @OptionGroup package var gate: GateOptions
    @OptionGroup package var judged: JudgedOptions
    @OptionGroup package var measuring: MeasuringOptions
    @OptionGroup package var output: JSONFlag

    package func validate() throws { try judged.check(with: gate, hasPipeline: rows.pipeline != nil) }

    package init() {}
}
