import ArgumentParser
import Attempts
import Deployment
import FileSystem
import Foundation
import ONNX
import PipelineConfig
import Recipes
import Reports
import Runner
import Terminal

extension Optimize {
    /// Measures the model and its forms on the rows, and writes the one that is the fastest among those whose outputs agree.
    /// - Parameters:
    ///   - path: the path of the model, whose graph is `loaded`.
    ///   - training: what a training before it gave.
    ///   - judged: the labelled rows on which a metric decides; nil where none does.
    func makeFaster(_ loaded: Model, at path: String, to target: URL, _ training: OptimizeReport?, _ judged: JudgedFiles?) throws {
        guard out.hasSuffix(".onnx") else {
            throw fail("\(out): a model is written: its name must end in .onnx.", ExitStatus.badConfiguration)
        }
        guard TunedModel.adapter(of: path, given: adapter) == nil else {
            throw fail("\(path) has an adapter. Merge it first: millrace merge.", ExitStatus.badConfiguration)
        }
        let inputs = try ScoringInputs(loaded, at: path, data: data, rowOptions())
        var files = AttemptSpec.MeasuredFiles(model: inputs.model, data: inputs.data, rows: 0, reference: "")
        files.judged = judged
        let spec = AttemptSpec(
            run: 0, attempt: 1, pipeline: inputs.pipeline?.name ?? "optimize", work: .measure(files), schema: inputs.schema,
            stages: [.forward(inputs.forward)])
        var plan = MeasuringPlan(
            precision,
            sharings: CoreSharing.ofOneSession(threads: threads ?? ProcessInfo.processInfo.activeProcessorCount),
            batches: inputs.forward.batchSize.rows.map { [$0] } ?? MeasuringOptions.standardBatches, gate: agreement.gate(for: precision),
            budget: budget ?? MeasuringOptions.standardBudget)
        plan.judge(by: agreement)
        plan.forms.insert(.graph, at: 0)
        let table: DeploymentTable
        do {
            table = try MeasuringProcesses.measure(spec, plan) { table in
                try write(table.chosenForm?.model?.path ?? path, table, to: target)
            }
        } catch let error as Failure {
            throw fail(error.kind == .badModel ? error.reason : error.statement)
        }
        let report = BenchReport(model: training == nil ? model : "\(model), trained", table)
        if output.json {
            return try printJSON(FasterReport(output: out, form: table.writtenForm.rawValue, training: training, measured: report))
        }
        for line in BenchReport.lines(table, hasRows: data != nil) { print(line) }
        let form = table.writtenForm
        print(form == .published ? "\(out): the model as it is; no other form is faster and agrees" : "\(out): \(form.rawValue)")
    }

    /// Writes a form of the model, with what it is in its metadata.
    private func write(_ path: String, _ table: DeploymentTable, to target: URL) throws {
        var made = try loadedModel(path)
        if table.writtenForm != .published {
            made.metadata["millrace.form"] = table.writtenForm.rawValue
            made.metadata["millrace.form.of"] = table.model
        }
        try AtomicOutput.model(made, at: target)
    }

    /// The options that say how the rows become inputs: those for labelled rows say that too.
    private func rowOptions() throws -> RowOptions {
        if let pipeline { return try RowOptions.parse(["--pipeline", pipeline]) }
        return try RowOptions.parse(
            columns.columns.flatMap { ["--columns", "\($0.name)=\($0.value)"] }
                + columns.scale.flatMap { ["--scale", "\($0.name)=\($0.value)"] })
    }
}

extension DeploymentTable {
    /// The form that is written for the choice.
    fileprivate var writtenForm: ModelForm { chosenForm?.model == nil ? .published : chosenForm?.form ?? .published }
}

/// Holds the output of `optimize --data --json`.
private struct FasterReport: Encodable {
    let output: String
    let form: String
    let training: OptimizeReport?
    let measured: BenchReport
}
