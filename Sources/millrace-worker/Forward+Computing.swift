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
import Terminal

extension Forward: Computes {
    func compute() throws {
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
        // This makes sure that its external data is in its own folder, and that nothing in it makes the engine open other files.
        let loaded = try loadedModel(model)
        do {
            try loaded.safetyCheck()
            try loaded.costCheck()
        } catch { throw fail("\(model): \(error)") }
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

    /// Executes the attempt. Ctrl-C takes it back, so that nothing half-written stays.
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
            "\(out): \(result.rowCount ?? 0) rows, \(result.files.first?.byteCount ?? 0) bytes, \(seconds) "
                + "(\(shownTimings(result.timings)))"
        )
    }
}
