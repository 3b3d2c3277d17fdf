import ArgumentParser
import Autodiff
import Dispatch
import Foundation
import Landing
import ONNX
import PipelineConfig
import Runner
import SystemPackage
import Training

struct Optimize: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Make a model better by gradient descent on labelled rows, without a daemon.",
        discussion: """
            The new model is the given one with other values in its trained initializers; the best epoch on the held-out rows is kept, and written \
            if it is better there than the given model, or as --gate says. NEW appears whole or not at all. Killed or interrupted, the same command \
            goes on from its last checkpoint and gives the same bytes.
            Ends with 0 when NEW is there, 5 when the gate did not pass and nothing was written, 2 when the command line or the pipeline is wrong, and \
            1 when it cannot be trained.
            Losses: \(LossArgument.names.joined(separator: ", ")).
            """)

    @Argument(help: "An ONNX model with float weights.") var model: String
    @Option(name: .long, help: ArgumentHelp("A file of labelled rows; as often as there are files.", valueName: "data")) var labelled: [String]
    @Option(name: .long, help: ArgumentHelp("Where the new model goes.", valueName: "new.onnx")) var out: String
    @OptionGroup var columns: LabelledOptions
    @OptionGroup var descent: DescentOptions
    @Option(name: .long, help: ArgumentHelp("A pipeline to take the schema and the optimize stage from, in place of the options above.", valueName: "file"))
    var pipeline: String?
    @Option(name: .long, help: "Engine threads. Default: the cores. Another number may give other bytes.") var threads: Int?
    @Option(name: .long, help: ArgumentHelp("Where checkpoints are kept until NEW is there. Default: a folder beside it.", valueName: "folder"))
    var checkpoints: String?
    @Option(name: .long, help: "Steps from one checkpoint to the next within an epoch.") var checkpointSteps = 1000
    @Flag(name: .long, help: "Replace NEW where it is there.") var force = false
    @OptionGroup var output: JSONFlag

    func validate() throws {
        guard !labelled.isEmpty else { throw ValidationError("Give --labelled DATA.") }
        guard pipeline == nil || columns.isEmpty && descent.isPlain else {
            throw ValidationError("--pipeline says how rows are read and how the model is trained: give it or options, not both.")
        }
        guard pipeline != nil || descent.loss != nil else { throw ValidationError("Give --loss, or --pipeline FILE.") }
        guard threads ?? 1 >= 1, checkpointSteps >= 1 else { throw ValidationError("--threads and --checkpoint-steps are at least 1.") }
    }

    func run() throws {
        try worded {
            let loaded = try loadedModel(model)
            do { try loaded.safetyCheck() } catch { throw fail("\(model): \(error)") }
            if !force, FileManager.default.fileExists(atPath: out) { throw fail("\(out) is there. Name another file, or give --force.") }
            let target = URL(fileURLWithPath: out).standardizedFileURL
            let folder = target.deletingLastPathComponent().path
            guard FileManager.default.fileExists(atPath: folder) else { throw fail("\(out): there is no folder \(shownPath(folder)).") }
            for file in labelled where !FileManager.default.fileExists(atPath: file) { throw fail("\(file): there is no such file.") }
            let directory = checkpoints ?? "\(folder)/.\(target.lastPathComponent).training"
            let isOurs = checkpoints == nil
            try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
            let (tuning, gate) = try tuning(loaded, directory)
            let outcome: FineTuning.Outcome
            do throws(TrainingError) {
                outcome = try train(tuning)
            } catch .cancelled {
                throw fail("taken back; the same command goes on from the last checkpoint (\(shownPath(directory)))")
            } catch {
                // Nothing of a run that cannot succeed is worth keeping.
                if isOurs { try? FileManager.default.removeItem(atPath: directory) }
                throw failed(error, model)
            }
            let refusal = gate.refusal(of: outcome)
            if refusal == nil { try write(outcome.model, to: target) }
            if isOurs { try? FileManager.default.removeItem(atPath: directory) }
            try show(outcome, refusal)
            if let refusal {
                throw fail("\(refusal). \(out) is not written: bring more labels or better ones, train otherwise, or loosen the gate.", ExitStatus.gate)
            }
        }
    }

    private func tuning(_ loaded: Model, _ directory: String) throws -> (FineTuning, Gate) {
        let cores = ProcessInfo.processInfo.activeProcessorCount
        var stage = descent.stage(severalLabels: columns.hasSeveralLabels), data = columns.data(labelled)
        if let pipeline {
            let read = try PipelineFile.load(path: pipeline, root: ".")
            guard let own = read.optimize else { throw fail("\(pipeline) has no optimize stage.", ExitStatus.badConfiguration) }
            stage = own
            data = read.schema.labelledData(labelled, inputs: loaded.graph.requiredInputs.map(\.name), hasTrees: false)
        }
        let settings = TrainingSettings(stage.gradient, gate: stage.gate, threads: threads ?? stage.gradient.threads ?? cores)
        var tuning = FineTuning(model: loaded, data: data, recipe: settings.recipe, plan: settings.plan, directory: directory)
        tuning.plan.checkpointSteps = checkpointSteps
        return (tuning, stage.gate)
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

    /// Weights files first, so that the graph never names what is not there.
    private func write(_ tuned: Model, to target: URL) throws {
        let name = target.lastPathComponent, folder = FilePath(target.deletingLastPathComponent().path)
        // Checkpoints may be on another file system.
        let staging = DurableFile.staging(for: folder.appending(name)).string
        try? FileManager.default.removeItem(atPath: staging)
        try FileManager.default.createDirectory(atPath: staging, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(atPath: staging) }
        do {
            for path in try tuned.write(to: staging + "/" + name) {
                try DurableFile.publish(FilePath(path), as: folder.appending((path as NSString).lastPathComponent))
            }
        } catch { throw fail("\(out): \(error)") }
    }

    private func show(_ outcome: FineTuning.Outcome, _ refusal: String?) throws {
        if output.json { return try printJSON(OptimizeReport(refusal == nil ? out : nil, refusal, outcome)) }
        for line in LossCurve.losses(outcome.history).lines { print(line) }
        for (metric, after) in outcome.after.sorted(by: { $0.key.rawValue < $1.key.rawValue }) {
            print(String(format: "%@: %.6g before, %.6g after", metric.rawValue, outcome.before[metric] ?? .nan, after))
        }
        let kept = refusal == nil ? "epoch \(outcome.bestEpoch) is kept" : "epoch \(outcome.bestEpoch) was the best"
        print(
            "\(refusal == nil ? "\(out): " : "")\(outcome.trainingRows) rows, \(outcome.validationRows) held out, \(outcome.steps) steps; \(kept)"
                + (outcome.supersededRows > 0 ? ", \(outcome.supersededRows) rows given way to later files" : "")
                + (outcome.stoppedEarly ? ", stopped early" : "") + (outcome.resumedAt > 0 ? ", resumed at step \(outcome.resumedAt)" : ""))
    }
}

/// What `optimize --json` prints.
private struct OptimizeReport: Encodable {
    /// Nil where the gate did not pass, and why.
    let output: String?
    let refusal: String?
    let bestEpoch: Int
    let stoppedEarly: Bool
    let steps: Int
    let resumedAt: Int
    let trainingRows: Int
    let validationRows: Int
    let supersededRows: Int
    let before: [String: Double]
    let after: [String: Double]
    let history: [EpochRecord]
    let columns: [String: [String]]
    let trained: [String]
    let untrained: [String: String]
    let gradientForms: [String: String]

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
    }
}
