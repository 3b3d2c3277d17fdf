package import ArgumentParser
package import Recipes

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
    @OptionGroup package var rows: RowOptions
    @Option(name: .long, help: "Rows at a time. Default: by the size of a row.") package var batchSize: Int?
    @Option(name: .long, help: "Engine threads. Default: the cores.") package var threads: Int?
    @Option(
        name: .long,
        help: ArgumentHelp(
            "Execute the model in the fastest way here whose outputs agree: auto (float32 and bfloat16), float32, bfloat16, float16, "
                + "int8 or int4. It is measured on the first rows where it was not before. Default: float32, with ONNX Runtime.",
            valueName: "precision"))
    package var precision: PrecisionRequest?
    @OptionGroup package var gate: GateOptions
    @OptionGroup package var judged: JudgedOptions
    @Option(
        name: .long, help: ArgumentHelp("With --precision, the seconds that timing may take. Default: 60.", valueName: "seconds"))
    package var budget: Double?
    @Flag(name: .long, help: "Replace OUT where it is there.") package var force = false
    @OptionGroup package var output: JSONFlag
    @OptionGroup package var values: ValuesFlag

    package func validate() throws {
        guard budget == nil || precision != nil else { throw ValidationError("--budget is for --precision.") }
        guard !gate.isGiven || precision != nil else { throw ValidationError("The options of the gate are for --precision.") }
        try judged.check(with: gate, hasPipeline: rows.pipeline != nil)
        if let budget { try MeasuringOptions.check(budget: budget) }
        guard batchSize ?? 1 >= 1, threads ?? 1 >= 1 else { throw ValidationError("--batch-size and --threads are at least 1.") }
    }

    package init() {}
}
