import ArgumentParser
import Attempts
import Columnar
import Deployment
import FileSystem
import Foundation
import Landing
import Machine
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
            try ScoringInputs.check(data: data)
            var (spec, judged) = try spec(format, staged: staged)
            spec.hidesValues = values.hideValues
            if let precision { spec = try chosen(spec, precision, judged) }
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

    /// Returns the spec of the one attempt, and the labelled rows by which ways of executing the model are judged. The parsed graph, which
    /// takes several times the memory of its file, is gone when this returns.
    private func spec(_ format: OutputFormat, staged: String) throws -> (spec: AttemptSpec, judged: JudgedFiles?) {
        // This makes sure that its external data is in its own folder, and that nothing in it makes the engine open other files.
        let loaded = try loadedModel(model)
        do {
            try loaded.safetyCheck()
            try loaded.costCheck()
        } catch { throw fail("\(model): \(error)") }
        let inputs = try ScoringInputs(loaded, at: model, adapter: adapter, data: data, rows)
        guard let rows = inputs.data else { preconditionFailure("forward has rows") }
        let given = inputs.forward
        let stage = ForwardStage(batchSize: batchSize.map { .rows($0) } ?? given.batchSize, threads: given.threads, outputs: given.outputs)
        let files = AttemptSpec.ScoringFiles(
            model: inputs.model, adapter: inputs.adapter, data: rows, output: staged, format: format)
        let spec = AttemptSpec(
            run: 0, attempt: 1, pipeline: inputs.pipeline?.name ?? "forward", work: .score(files), schema: inputs.schema,
            stages: [.deserialize(DeserializeStage()), .forward(stage)],
            provenance: [
                "millrace.input": (data as NSString).lastPathComponent, "millrace.input.digest": rows.digest,
                "millrace.model.digest": inputs.model.digest,
            ],
            limits: .init(threads: threads ?? stage.threads ?? ProcessInfo.processInfo.activeProcessorCount))
        return (spec, try judged.files(gate, inputs))
    }

    /// Returns the spec with the way of executing the model that is fastest here. What was measured before is not measured again.
    private func chosen(_ spec: AttemptSpec, _ precision: PrecisionRequest, _ judged: JudgedFiles?) throws -> AttemptSpec {
        guard case .score(let files) = spec.work, case .forward(let stage)? = spec.stages.last else { return spec }
        let most = threads ?? stage.threads ?? ProcessInfo.processInfo.activeProcessorCount
        let batches = stage.batchSize.rows.map { [$0] } ?? MeasuringOptions.standardBatches
        var plan = MeasuringPlan(
            precision, sharings: CoreSharing.ofOneSession(threads: most), batches: batches, gate: gate.gate(for: precision),
            budget: budget ?? MeasuringOptions.standardBudget)
        plan.judge(by: gate)
        var measured = AttemptSpec.MeasuredFiles(
            model: files.model, adapter: files.adapter, data: files.data, rows: 0, reference: "")
        measured.judged = judged
        let table: DeploymentTable
        do { table = try KeptChoices.table(spec, measured, plan) } catch let error as Failure {
            if error.kind == .cancelled || plan.demandsMetric { throw fail(error.statement) }
            // There may be no rows. Where the rows are at fault, scoring them says so.
            printError("not measured, and executed as it is: \(error.statement.sentence)")
            return spec
        }
        guard let execution = table.execution else { return spec }
        printError("\(execution.candidate), as measured on this machine (`millrace bench`)")
        var chosen = spec
        chosen.execute(execution, threads: execution.candidate.threads)
        return chosen
    }

    /// Executes the attempt. Ctrl-C takes it back, so that nothing half-written stays.
    private func execute(_ spec: AttemptSpec) -> AttemptResult {
        let interrupt = Interrupt()
        return LocalExecutor(sessionBytes: 1 << 30).execute(spec, cancellation: interrupt.cancellation)
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
