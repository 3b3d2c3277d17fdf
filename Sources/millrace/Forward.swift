import ArgumentParser
import Attempts
import Columnar
import Dispatch
import FileSystem
import Foundation
import Landing
import Names
import ONNX
import PipelineConfig
import Reasons
import Recipes
import Reports
import Runner
import SystemPackage
import Tensors

struct Forward: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Score one file with one model, without a daemon or a ledger.",
        discussion: """
            The formats are those of the names: csv, tsv, json, jsonl, ndjson, parquet, pq, arrow, feather, ipc, npy, npz in (text also \
            .gz and .zst); csv, jsonl, parquet, arrow, npy, npz out. OUT appears whole or not at all.
            """)

    @Argument(help: "An ONNX model.", completion: .file()) var model: String
    @Argument(help: "The rows.", completion: .file()) var data: String
    @Argument(help: "Where the outputs go.", completion: .file()) var out: String
    @Option(
        name: .long,
        help: ArgumentHelp("An adapter to apply. Default: adapter.safetensors beside the model.", valueName: "file"),
        completion: .file())
    var adapter: String?
    @Option(name: .long, help: ArgumentHelp("A column to carry through to the output.", valueName: "column")) var keep: [String] = []
    @Option(
        name: .long,
        help: ArgumentHelp(
            "The columns of a model input: a pattern such as pixels=pixel_*, or names with commas.", valueName: "input=pattern"))
    var columns: [Assignment] = []
    @Option(name: .long, help: ArgumentHelp("What a model input's values are multiplied by.", valueName: "input=factor")) var scale:
        [Assignment] = []
    @Option(
        name: .long,
        help: ArgumentHelp(
            "What a model input is in every row, where no column fills it: one value, or those of a row with commas.",
            valueName: "input=value"))
    var value: [Assignment] = []
    @Option(name: .long, help: ArgumentHelp("The axis of a model input or output that is the rows. Default: 0.", valueName: "name=axis"))
    var batchAxis: [Assignment] = []
    @Option(
        name: .long, help: ArgumentHelp("A model output to write, and its columns. Default: every output.", valueName: "output=columns"))
    var outputs: [Assignment] = []
    @Option(name: .long, help: "Rows at a time. Default: by the size of a row.") var batchSize: Int?
    @Option(name: .long, help: "Engine threads. Default: the cores.") var threads: Int?
    @Option(name: .long, help: "A pipeline file to take the schema and the outputs from.", completion: .file()) var pipeline: String?
    @Flag(name: .long, help: "Replace OUT where it is there.") var force = false
    @OptionGroup var output: JSONFlag
    @OptionGroup var values: ValuesFlag

    func validate() throws {
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

    func run() throws {
        try reportingErrors {
            let format = try outputFormat()
            let target = try AtomicOutput.target(out, replacing: force)
            let staged = "\(target.deletingLastPathComponent().path)/.\(target.lastPathComponent).\(getpid()).tmp"
            defer { unlink(staged) }
            guard FileManager.default.fileExists(atPath: data) else { throw fail("\(data): there is no such file.") }
            try refuseForeign(data)
            var spec = try spec(format, staged: staged)
            spec.hidesValues = values.hideValues
            let result = execute(spec)
            // For a model the remedy is printed too; for rows it is not, since the remedy speaks of another attempt, which does not follow
            // here.
            if let failure = result.failure { throw fail(failure.kind == .badModel ? failure.reason : failure.statement) }
            do throws(FileSystemError) { try DurableFile.publish(FilePath(staged), as: FilePath(target.path)) } catch {
                throw fail("\(out): \(error)")
            }
            try show(result)
        }
    }

    private func outputFormat() throws -> OutputFormat {
        guard let table = TableFormat(fileName: out), table.compression == .none, let format = OutputFormat(rawValue: table.kind.rawValue)
        else {
            throw fail("\(out): the name must end in .csv, .jsonl, .parquet, .arrow, .npy or .npz.", ExitStatus.badConfiguration)
        }
        return format
    }

    /// Returns the spec of the one attempt. The parsed graph, which takes several times the memory of its file, is gone when this returns.
    private func spec(_ format: OutputFormat, staged: String) throws -> AttemptSpec {
        // Its external data stays in its own folder, and nothing in it makes the engine open other files.
        let loaded = try loadedModel(model)
        do { try loaded.safetyCheck() } catch { throw fail("\(model): \(error)") }
        let modelPath = CanonicalPaths.absolute(model, root: ".")
        let dataPath = CanonicalPaths.absolute(data, root: ".")
        let adapterPath = TunedModel.adapter(of: modelPath, given: adapter.map { CanonicalPaths.absolute($0, root: ".") })
        let modelDigest = try TunedModel.digest(of: modelPath, adapter: adapterPath)
        let digested = try FileDigest.of(FilePath(dataPath))
        let dataDigest = digested.digest
        let read = try pipeline.map { try PipelineFile.load(path: $0, root: ".") }
        let given = read?.forward ?? ForwardStage()
        let mappings = try read == nil ? mappings(for: loaded) : given.outputs
        let stage = ForwardStage(batchSize: batchSize.map { .rows($0) } ?? given.batchSize, threads: given.threads, outputs: mappings)
        let files = AttemptSpec.ScoringFiles(
            model: .init(path: modelPath, digest: modelDigest), adapter: adapterPath,
            data: .init(path: dataPath, digest: dataDigest, stamp: digested.stamp), output: staged, format: format)
        return AttemptSpec(
            run: 0, attempt: 1, pipeline: read?.name ?? "forward", work: .score(files),
            schema: try read?.schema ?? schema(for: loaded), stages: [.deserialize(DeserializeStage()), .forward(stage)],
            provenance: [
                "millrace.input": (data as NSString).lastPathComponent, "millrace.input.digest": dataDigest,
                "millrace.model.digest": modelDigest,
            ],
            limits: .init(threads: threads ?? stage.threads ?? ProcessInfo.processInfo.activeProcessorCount))
    }

    private func schema(for loaded: Model) throws -> RowSchema {
        var names: [String] = []
        let inputs = loaded.graph.requiredInputs
        let axes = batchAxis.filter { axis in inputs.contains { $0.name.isName(axis.name) } }
        for assignment in columns + scale + value + axes where !names.containsName(assignment.name) { names.append(assignment.name) }
        let known = NameSet(inputs.map(\.name))
        if let slip = names.first(where: { !known.contains($0) }) {
            throw fail("\(model) has no input \(slip). It has \(known.sorted().joined(separator: ", ")).", ExitStatus.badConfiguration)
        }
        return RowSchema(
            inputs: try names.map { name in
                let parts = columns.last { $0.name.isName(name) }?.value.split(separator: ",").map(String.init)
                let selector: ColumnSelector? = parts.map { $0.count == 1 && $0[0].contains("*") ? .pattern($0[0]) : .list($0) }
                return InputSchema(
                    name: name, columns: selector, scale: scale.last { $0.name.isName(name) }.flatMap { Double($0.value) },
                    value: try value.last { $0.name.isName(name) }.map { given in
                        try values(given, isText: inputs.first { $0.name.isName(name) }?.type?.elementType == .string)
                    },
                    batchAxis: axes.last { $0.name.isName(name) }.flatMap { Int($0.value) })
            }, keep: keep)
    }

    private func values(_ assignment: Assignment, isText: Bool) throws -> [InputValue] {
        if isText { return [InputValue(text: assignment.value, isText: true)] }
        return try assignment.value.split(separator: ",", omittingEmptySubsequences: false).map { part in
            guard let value = InputValue(plain: String(part)) else {
                throw fail(
                    "--value \(assignment.name)=\(assignment.value): \(part) is no number, true or false.", ExitStatus.badConfiguration)
            }
            return value
        }
    }

    /// Returns the outputs that are asked for, each with its axis of the rows; nil where no option names any.
    private func mappings(for loaded: Model) throws -> [OutputMapping]? {
        let known = loaded.graph.outputs.map(\.name)
        let inputs = Set(loaded.graph.requiredInputs.map(\.name))
        if let slip = batchAxis.first(where: { !known.contains($0.name) && !inputs.contains($0.name) }) {
            throw fail("\(model) has no input or output \(slip.name).", ExitStatus.badConfiguration)
        }
        guard !outputs.isEmpty || batchAxis.contains(where: { known.contains($0.name) }) else { return nil }
        let wanted = outputs.isEmpty ? known.map { (name: $0, columns: String?.none) } : outputs.map { (name: $0.name, columns: $0.value) }
        return wanted.map { output in
            OutputMapping(
                output: output.name, columns: output.columns,
                batchAxis: batchAxis.last { $0.name == output.name }.flatMap { Int($0.value) })
        }
    }

    /// Ctrl-C takes the work back, so that nothing half-written stays.
    private func execute(_ spec: AttemptSpec) -> AttemptResult {
        let cancellation = AttemptCancellation()
        signal(SIGINT, SIG_IGN)
        let interrupt = DispatchSource.makeSignalSource(signal: SIGINT, queue: .global())
        interrupt.setEventHandler { cancellation.cancel() }
        interrupt.resume()
        defer { interrupt.cancel() }
        return LocalExecutor(sessionBytes: 1 << 30).execute(spec, cancellation: cancellation)
    }

    private func show(_ result: AttemptResult) throws {
        struct Report: Encodable {
            let output: String
            let rows: Int64?
            let files: [AttemptResult.WrittenFile]
            let timings: [String: Double]
        }
        if output.json {
            var files = result.files
            for index in files.indices { files[index].path = out }
            return try printJSON(Report(output: out, rows: result.rowCount, files: files, timings: result.timings))
        }
        let seconds = result.timings["total"].map(shownSeconds) ?? ""
        print(
            "\(out): \(result.rowCount ?? 0) rows, \(result.files.first?.byteCount ?? 0) bytes, \(seconds) (\(shownTimings(result.timings)))"
        )
    }
}

/// `NAME=VALUE`, divided at the last `=` before the value, since names of model inputs may hold one.
struct Assignment: ExpressibleByArgument {
    let name: String
    let value: String

    init?(argument: String) {
        guard let place = argument.lastIndex(of: "="), place != argument.startIndex, argument.index(after: place) != argument.endIndex
        else { return nil }
        name = String(argument[..<place])
        value = String(argument[argument.index(after: place)...])
    }
}
