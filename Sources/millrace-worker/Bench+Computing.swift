import Attempts
import Deployment
import Engine
import FileSystem
import Foundation
import Machine
import ONNX
import PipelineConfig
import Recipes
import Reports
import Runner
import SystemPackage
import Terminal
import Training
import WorkerProcesses

extension Bench: Computes {
    func compute() throws {
        try reportingErrors {
            let spec = try spec()
            var plan = MeasuringPlan(
                precision, sharings: CoreSharing.tried(cores: measuring.cores, sessions: measuring.sessionCounts),
                batches: measuring.batchSizes, gate: gate.gate(for: precision), budget: measuring.budget)
            plan.judge(by: gate)
            let table: DeploymentTable
            do { table = try MeasuringProcesses.measure(spec, plan) } catch let error as Failure {
                throw fail(error.kind == .badModel ? error.reason : error.statement)
            }
            if output.json { return try printJSON(BenchReport(model: model, table)) }
            for line in BenchReport.lines(table, hasRows: data != nil || !judged.labelled.isEmpty) { print(line) }
        }
    }

    /// Returns the spec of the attempts that measure.
    private func spec() throws -> AttemptSpec {
        let loaded = try loadedModel(model)
        do { try loaded.safetyCheck() } catch { throw fail("\(model): \(error)") }
        // Labelled rows are rows.
        let data = data ?? judged.labelled.first
        if let data { try ScoringInputs.check(data: data) }
        let inputs = try ScoringInputs(loaded, at: model, data: data, rows)
        var files = AttemptSpec.MeasuredFiles(
            model: inputs.model, adapter: inputs.adapter, data: inputs.data, rows: 0, reference: "")
        files.judged = try judged.files(gate, inputs)
        return AttemptSpec(
            run: 0, attempt: 1, pipeline: inputs.pipeline?.name ?? "bench", work: .measure(files), schema: inputs.schema,
            stages: [.forward(inputs.forward)])
    }
}

extension MeasuringPlan {
    /// Has a metric decide, where one is named. The labelled rows are named too then, so that their faults are said.
    mutating func judge(by gate: GateOptions) {
        metric = gate.metricGate
        demandsMetric = metric != nil
    }
}

/// Keeps what commands measured of models in the user's cache folder, so that it is measured once.
enum KeptChoices {
    /// Returns what was measured of the model; it is measured where it was not before. Throws a `Failure` where it cannot be.
    static func table(_ spec: AttemptSpec, _ files: AttemptSpec.MeasuredFiles, _ plan: MeasuringPlan) throws -> DeploymentTable {
        let store = ChoiceStore(folder + "/millrace/choices")
        let machines = Set(plan.engines.tried.map(\.name)).map(\.machine)
        // A form that is gone or damaged is made again, with what was measured of it.
        if let kept = store.table(of: files.model.digest, plan.question, on: machines), kept.holds(for: files, plan),
            store.hasForm(of: kept)
        {
            return kept
        }
        var measuring = spec
        measuring.work = .measure(files)
        let table = try MeasuringProcesses.measure(measuring, plan) { table in try store.keepForm(of: &table) }
        // Where it cannot be kept it is measured again.
        try? store.keep(table, plan.question, on: machines)
        return table
    }

    /// The folder for what programs can make again, as the XDG base directory specification says.
    private static var folder: String {
        let environment = ProcessInfo.processInfo.environment
        if let given = environment["XDG_CACHE_HOME"], given.hasPrefix("/") { return given }
        return (environment["HOME"] ?? NSHomeDirectory()) + "/.cache"
    }
}

/// Measures a model in worker processes of its own.
enum MeasuringProcesses {
    /// Measures a model. Throws a `Failure` where it cannot be run as it is.
    /// - Parameters:
    ///   - spec: an attempt that measures, of which the files are known.
    ///   - keep: keeps the files of forms, which are gone afterwards.
    static func measure(
        _ spec: AttemptSpec, _ plan: MeasuringPlan, keep: (inout DeploymentTable) throws -> Void = { _ in }
    ) throws -> DeploymentTable {
        guard case .measure(var files) = spec.work else { preconditionFailure("the attempt does not measure") }
        guard let program = WorkerProgram.path() else { throw fail(WorkerProgram.missing) }
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent("millrace-measuring-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: false, attributes: [.posixPermissions: 0o700])
        defer { try? FileManager.default.removeItem(at: folder) }
        files.reference = folder.path
        var spec = spec
        spec.limits = AttemptSpec.Limits(seconds: 300, loadSeconds: 300, standstillSeconds: 60, threads: plan.sharings[0].threads)
        let interrupt = Interrupt()
        let display = ProgressDisplay()
        defer { display.end() }
        var table = try ModelMeasuring(
            spec, files, plan,
            process: { _ in ExecutorProcess(ProcessExecutor(program: program, workers: 1, sessionBytes: .max), interrupt.cancellation) },
            tell: { display.show($0.step, share: $0.share) }
        ).run()
        try keep(&table)
        return table
    }
}
