import ArgumentParser
import Attempts
import Dispatch
import FileSystem
import Foundation
import Names
import ONNX
import PipelineConfig
import Reasons
import Recipes
import Reports
import Runner
import SystemPackage
import Terminal
import Training
import TrainingGraph

extension Optimize: Computes {
    func compute() throws {
        try reportingErrors {
            let loaded = try loadedModel(model)
            do { try loaded.safetyCheck() } catch { throw fail("\(model): \(error)") }
            let target = try AtomicOutput.target(out, replacing: force)
            if let data { try ScoringInputs.check(data: data) }
            if trains { return try train(loaded, target) }
            try makeFaster(loaded, at: model, to: target, nil, try judgedFiles(loaded))
        }
    }

    private func train(_ loaded: Model, _ target: URL) throws {
        let folder = target.deletingLastPathComponent().path
        for file in labelled where !FileManager.default.fileExists(atPath: file) { throw fail("\(file): there is no such file.") }
        let directory = checkpoints ?? "\(folder)/.\(target.lastPathComponent).training"
        let isOurs = checkpoints == nil
        try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
        let (tuning, gate) = try tuning(loaded, HeldFolder(FilePath(directory)))
        try checkName(tuning)
        let outcome: FineTuning.Outcome
        do throws(TrainingError) {
            outcome = try train(tuning)
        } catch .cancelled {
            throw fail("taken back; the same command goes on from the last checkpoint (\(shownPath(directory)))")
        } catch {
            // Nothing of a run that cannot succeed is worth keeping.
            if isOurs { try? FileManager.default.removeItem(atPath: directory) }
            throw failed(error, model, values)
        }
        let refusal = gate.refusal(of: outcome)
        if refusal == nil, data == nil { try write(outcome, to: target) }
        defer { if isOurs { try? FileManager.default.removeItem(atPath: directory) } }
        if data == nil || refusal != nil || !output.json { try show(outcome, refusal) }
        if let refusal {
            throw fail(
                "\(refusal). \(out) is not written: bring more labels or better ones, train otherwise, or loosen the gate.", ExitStatus.gate
            )
        }
        guard data != nil else { return }
        // The trained model is measured as a file, which goes with the checkpoints.
        let trained = URL(fileURLWithPath: directory).appendingPathComponent(VersionFile.model)
        try write(outcome, to: trained)
        try makeFaster(
            outcome.model, at: trained.path, to: target, OptimizeReport(nil, nil, outcome), try judgedFiles(heldOutBy: tuning))
    }

    private func tuning(_ loaded: Model, _ folder: any GivenFolder) throws -> (FineTuning, Gate) {
        let cores = ProcessInfo.processInfo.activeProcessorCount
        let nanInputs = ModelFacts(loaded).nanInputs
        var stage = descent.stage(severalLabels: columns.hasSeveralLabels), data = columns.data(labelled, nanInputs: nanInputs)
        if let pipeline {
            let read = try PipelineFile.load(path: pipeline, root: ".")
            guard let own = read.optimize else { throw fail("\(pipeline) has no optimize stage.", ExitStatus.badConfiguration) }
            stage = own
            data = read.schema.labelledData(
                labelled.map { LabelledData.File($0) }, inputs: loaded.graph.requiredInputs.map(\.name), nanInputs: nanInputs)
        }
        var tuning = FineTuning(
            model: loaded, data: data, recipe: stage.gradient, gate: stage.gate, threads: threads ?? stage.gradient.threads ?? cores,
            folder: folder)
        tuning.checkpointSteps = checkpointSteps
        if let adapter = TunedModel.adapter(of: model, given: adapter) { tuning.adapter = try loadedAdapter(adapter, of: model).adapter }
        return (tuning, stage.gate)
    }

    /// Returns the labelled rows that judge a model which is not trained: all of them. Nil where no metric is asked for.
    private func judgedFiles(_ loaded: Model) throws -> JudgedFiles? {
        guard let gate = agreement.metricGate else { return nil }
        return try JudgedFiles(naming: labelled, schema: columns.schema, loss: nil, outputs: descent.prediction, gate: gate)
    }

    /// Returns the labelled rows that judge a trained model: those that the training has held out. Nil where no metric is asked for.
    private func judgedFiles(heldOutBy tuning: FineTuning) throws -> JudgedFiles? {
        guard let gate = agreement.metricGate else { return nil }
        guard tuning.recipe.validation > 0 else {
            throw fail(
                "--gate-metric: every row is learnt from, so that none is left to measure on: --validation must be above 0.",
                ExitStatus.badConfiguration)
        }
        return try JudgedFiles(
            naming: labelled, schema: tuning.data.schema, loss: tuning.recipe.loss, outputs: tuning.recipe.outputs,
            share: tuning.recipe.validation, seed: tuning.recipe.seed, gate: gate)
    }

    private func train(_ tuning: FineTuning) throws(TrainingError) -> FineTuning.Outcome {
        let display = ProgressDisplay()
        let cancellation = AttemptCancellation()
        signal(SIGINT, SIG_IGN)
        let interrupt = DispatchSource.makeSignalSource(signal: SIGINT, queue: .global())
        interrupt.setEventHandler { cancellation.cancel() }
        interrupt.resume()
        defer {
            interrupt.cancel()
            display.end()
        }
        return try tuning.run(TrainingControl(isCancelled: { cancellation.isCancelled }, progress: display.show))
    }

    private func checkName(_ tuning: FineTuning) throws {
        let isAdapter = !tuning.mergesAdapters && tuning.recipe.adapters != nil
        guard out.hasSuffix(".safetensors") != isAdapter else { return }
        throw fail(
            isAdapter
                ? "\(out): adapters that are not merged are written as a file of their own, whose name must end in .safetensors."
                : "\(out): a model is written, and .safetensors is no name for one. For the adapter alone give --no-merge.",
            ExitStatus.badConfiguration)
    }

    private func write(_ outcome: FineTuning.Outcome, to target: URL) throws {
        guard let adapter = outcome.adapter else { return try AtomicOutput.model(outcome.model, at: target) }
        guard outcome.isModelAsGiven else {
            throw fail(
                "\(model): the adapter that it has is of another rank or on other weights than this one. Merge it first: millrace merge.")
        }
        let base = try FileDigest.of(FilePath(model)).digest
        do throws(TrainingError) {
            try AdapterFile(adapter, base: base).write(to: target.path)
        } catch { throw fail(error) }
    }

    private func show(_ outcome: FineTuning.Outcome, _ refusal: String?) throws {
        if output.json { return try printJSON(OptimizeReport(refusal == nil ? out : nil, refusal, outcome)) }
        let curve = LossCurve.losses(
            training: outcome.history.map(\.trainingLoss), validation: outcome.history.map { $0[metric: .loss] },
            firstEpoch: outcome.history.first?.epoch ?? 1)
        for line in curve.lines { print(line) }
        for (metric, after) in outcome.after.sorted(by: { $0.key.rawValue < $1.key.rawValue }) {
            print(String(format: "%@: %.6g before, %.6g after", metric.rawValue, outcome.before[metric] ?? .nan, after))
        }
        if let engine = outcome.engine { print("steps by \(engine)") }
        let kept = refusal == nil ? "epoch \(outcome.bestEpoch) is kept" : "epoch \(outcome.bestEpoch) was the best"
        let name = refusal == nil && data == nil ? "\(out): " : ""
        print(
            "\(name)\(outcome.trainingRows) rows, \(outcome.validationRows) held out, \(outcome.steps) steps; \(kept)"
                + (outcome.supersededRows > 0 ? ", \(outcome.supersededRows) rows given way to later files" : "")
                + (outcome.unlabelledRows > 0 ? ", \(outcome.unlabelledRows) rows without a label left out" : "")
                + (outcome.stoppedEarly ? ", stopped early" : "") + (outcome.resumedAt > 0 ? ", resumed at step \(outcome.resumedAt)" : ""))
    }
}

/// Holds what a training gave, for `optimize --json`.
struct OptimizeReport: Encodable {
    /// The file that was written; nil where the gate did not pass, of which `refusal` says why.
    let output: String?
    let refusal: String?
    let bestEpoch: Int
    let stoppedEarly: Bool
    let steps: Int
    let resumedAt: Int
    let trainingRows: Int
    let validationRows: Int
    let supersededRows: Int
    let unlabelledRows: Int
    let before: [String: Double]
    let after: [String: Double]
    let history: [EpochRecord]
    let columns: [String: [String]]
    let trained: [String]
    let untrained: [String: String]
    let gradientForms: [String: String]
    /// The engine of the steps, and why, where `--step-precision` leaves that open.
    let stepEngine: String?

    init(_ output: String?, _ refusal: String?, _ outcome: FineTuning.Outcome) {
        self.output = output
        self.refusal = refusal
        bestEpoch = outcome.bestEpoch
        stoppedEarly = outcome.stoppedEarly
        steps = outcome.steps
        resumedAt = outcome.resumedAt
        trainingRows = outcome.trainingRows
        validationRows = outcome.validationRows
        supersededRows = outcome.supersededRows
        unlabelledRows = outcome.unlabelledRows
        func named(_ metrics: [Metric: Double]) -> [String: Double] {
            Dictionary(uniqueKeysWithValues: metrics.map { ($0.key.rawValue, $0.value) })
        }
        before = named(outcome.before)
        after = named(outcome.after)
        history = outcome.history
        columns = outcome.columns
        trained = outcome.trained
        untrained = outcome.untrained
        gradientForms = outcome.gradientForms
        stepEngine = outcome.engine?.description
    }
}
