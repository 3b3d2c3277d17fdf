package import ArgumentParser

package struct Forward: ComputingCommand {
    package static let configuration = CommandConfiguration(
        abstract: "Score one file with one model, without a daemon or a ledger.",
        discussion: """
            The formats are those of the names: csv, tsv, json, jsonl, ndjson, parquet, pq, arrow, feather, ipc, npy, npz in (text also \
            .gz and .zst); csv, jsonl, parquet, arrow, npy, npz out. OUT appears whole or not at all.
            """)

    @Argument(help: "An ONNX model.", completion: .file()) package var model: String
    @Argument(help: "The rows.", completion: .file()) package var data: String
    @Argument(help: "Where the outputs go.", completion: .file()) package var out: String
    @Option(
        name: .long,
        help: ArgumentHelp("An adapter to apply. Default: adapter.safetensors beside the model.", valueName: "file"),
        completion: .file())
    package var adapter: String?
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
    @Option(name: .long, help: "Rows at a time. Default: by the size of a row.") package var batchSize: Int?
    @Option(name: .long, help: "Engine threads. Default: the cores.") package var threads: Int?
    @Option(name: .long, help: "A pipeline file to take the schema and the outputs from.", completion: .file()) package var pipeline:
        String?
    @Flag(name: .long, help: "Replace OUT where it is there.") package var force = false
    @OptionGroup package var output: JSONFlag
    @OptionGroup package var values: ValuesFlag

    package func validate() throws {
        guard batchSize ?? 1 >= 1, threads ?? 1 >= 1 else { throw ValidationError("--batch-size and --threads are at least 1.") }
        let isAsked = !(keep.isEmpty && columns.isEmpty && scale.isEmpty && outputs.isEmpty && value.isEmpty && batchAxis.isEmpty)
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
