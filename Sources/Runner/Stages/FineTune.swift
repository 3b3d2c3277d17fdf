import Arrivals
import Attempts
import Columnar
import FileSystem
import Foundation
import ONNX
import PipelineConfig
import Reasons
import Recipes
import SystemPackage
import Training
import TrainingGraph

/// Executes the optimize stage: it trains the float parent on labelled rows and writes it as a new model, if it passes the gate. For a
/// model that was just validated, it replaces what the deserialize stage wrote or leaves it unchanged.
struct FineTune {
    private let spec: AttemptSpec
    private let files: AttemptSpec.ModelFiles
    private let opener: any AttemptFiles
    private let stage: OptimizeStage
    private let training: AttemptSpec.Training
    private let models: ModelLoader
    private let interruption: Interruption

    init(
        _ spec: AttemptSpec, _ files: AttemptSpec.ModelFiles, _ opener: any AttemptFiles, _ stage: OptimizeStage,
        _ training: AttemptSpec.Training, _ models: ModelLoader, _ interruption: Interruption
    ) {
        self.spec = spec
        self.files = files
        self.opener = opener
        self.stage = stage
        self.training = training
        self.models = models
        self.interruption = interruption
    }

    func run(_ result: inout AttemptResult) throws(Failure) {
        if let subject = training.labelled.first(where: { $0.arrival == training.subject }) {
            try keep(subject)
            // An empty file teaches nothing and has no fault.
            if !hasRows(subject) {
                result.rowCount = 0
                return
            }
        }
        var phases = Phases()
        defer { result.timings.merge(phases.seconds) { $0 + $1 } }
        let file =
            spec.goal == .fineTune
            ? try ModelFile(tuned: opener.model(of: files), expected: files.model.digest) : try ModelFile(opener.written(by: files))
        let parent = try file.parsed()
        var report = TrainingReport()
        var outcome: FineTuning.Outcome?
        do throws(Failure) {
            outcome = try phases.time("train") { () throws(Failure) in try train(parent, file.adapter, &report) }
            report.rejection = outcome.flatMap(rejection)
        } catch  where error.kind == .tooFewRows {
            report.wait = error
        } catch {
            // Labels from which nothing can be learnt are no reason to refuse the model that arrived.
            guard spec.goal == .validateModel, [.badInput, .badModel, .diverged].contains(error.kind) else { throw error }
            report.rejection = error
        }
        if let outcome { add(outcome, to: &report, &result) }
        result.training = report
        if let rejection = report.rejection {
            if spec.goal == .fineTune { throw rejection }
            return
        }
        guard outcome != nil else { return }
        // The trained model is in memory only until it is written.
        try phases.time("write") { () throws(Failure) in
            if let tuned = outcome.take() { try write(tuned, from: file, report) }
        }
        try ModelValidation(spec, files, opener, models, interruption).accept(&phases, &result)
    }

    // MARK: Training

    /// Trains on the labels that can be used; returns nil where none are left to learn from.
    private func train(
        _ parent: Model, _ adapter: AdapterFile?, _ report: inout TrainingReport
    ) throws(Failure) -> FineTuning.Outcome? {
        var usable: [AttemptSpec.LabelledFile] = []
        for labelled in training.labelled {
            do throws(Failure) {
                try keep(labelled)
                if hasRows(labelled) { usable.append(labelled) }
            } catch {
                try setAside(labelled, error, &report)
            }
        }
        do { try FileManager.default.createDirectory(atPath: training.checkpoints, withIntermediateDirectories: true) } catch {
            throw Failure(writing: error, place: training.checkpoints)
        }
        while !usable.isEmpty {
            report.hyperParameters = stage.gradient.cardSettings(threads: spec.limits.threads)
            report.trainingData = usable.map { TrainingSource(path: $0.name, digest: $0.file.digest, arrival: $0.arrival) }
            let run = FineTuning(
                model: parent, adapter: adapter?.adapter,
                data: spec.schema.labelledData(
                    usable.map { LabelledData.File($0.kept, originalPath: $0.file.path) }, inputs: parent.graph.inputs.map(\.name),
                    nanInputs: ModelFacts(parent).nanInputs,
                    pinned: spec.columns),
                recipe: stage.gradient, gate: stage.gate, threads: spec.limits.threads, directory: training.checkpoints)
            do throws(TrainingError) {
                return try run.run(
                    TrainingControl(
                        engine: interruption.engine, isCancelled: { [interruption] in interruption.isEndedAfterOthers() },
                        progress: interruption.control.progress))
            } catch {
                try interruption.check()
                let failure = Failure(training: error, spec).naming(usable)
                // The fault is one of a single file, at one of its rows, or of all files together.
                guard case .badLabels(let place, _, _) = error,
                    let bad = usable.firstIndex(where: { place == $0.kept || place.hasPrefix($0.kept + ":") })
                else { throw failure }
                try setAside(usable.remove(at: bad), failure, &report)
            }
        }
        return nil
    }

    /// Returns whether a kept file has rows. A file that cannot be read may have some; the code that reads it refuses it.
    private func hasRows(_ labelled: AttemptSpec.LabelledFile) -> Bool {
        var options = ReadOptions()
        options.dialect = spec.schema.dialect
        return (try? Columnar.hasRows(path: labelled.kept, options: options)) ?? true
    }

    /// Leaves out labels of other arrivals that cannot be used. Where the labels are those of the attempt's own arrival, it throws the
    /// failure, which ends the attempt.
    private func setAside(
        _ labelled: AttemptSpec.LabelledFile, _ failure: Failure, _ report: inout TrainingReport
    ) throws(Failure) {
        guard labelled.arrival != training.subject, !failure.kind.endsAttempt, failure.kind != .unreadable else {
            throw failure
        }
        report.unusable.append(.init(arrival: labelled.arrival, failure: failure))
    }

    /// Makes a copy of ours of the labels, so that training reads the same content, however long it takes.
    private func keep(_ labelled: AttemptSpec.LabelledFile) throws(Failure) {
        do throws(FileSystemError) {
            if try Disk.status(FilePath(labelled.kept)) != nil { return }
        } catch {
            throw Failure(landing: error, place: labelled.file.path)
        }
        let opened = try OpenedInput(labelled.file)
        do throws(FileSystemError) {
            try DurableFile.keep(
                opened.file, digest: labelled.file.digest, at: FilePath(labelled.kept), named: FilePath(labelled.file.path))
        } catch .changedWhileRead(let path) {
            throw Failure(opening: .changedWhileRead(path), place: labelled.file.path)
        } catch {
            throw Failure(landing: error, place: labelled.file.path)
        }
    }

    // MARK: Judging

    private func rejection(_ outcome: FineTuning.Outcome) -> Failure? {
        stage.gate.refusal(of: outcome).map {
            Failure(
                .gate, what: Reason($0), place: spec.place,
                remedy: "Drop more labels or better ones, or change the optimize stage, then `millrace replay`.")
        }
    }

    private func add(_ outcome: FineTuning.Outcome, to report: inout TrainingReport, _ result: inout AttemptResult) {
        let metric = stage.gate.metric
        if outcome.validationRows > 0 {
            report.gate = GateOutcome(
                metric: metric.rawValue, before: outcome.before[metric], after: outcome.after[metric], dropAtMost: stage.gate.dropAtMost,
                rows: outcome.validationRows)
        }
        report.lossPerEpoch = outcome.history.compactMap(\.trainingLoss)
        report.decisions = [
            "best_epoch": .integer(Int64(outcome.bestEpoch)), "stopped_early": .flag(outcome.stoppedEarly),
            "steps": .integer(Int64(outcome.steps)), "training_rows": .integer(Int64(outcome.trainingRows)),
            "superseded_rows": .integer(Int64(outcome.supersededRows)), "unlabelled_rows": .integer(Int64(outcome.unlabelledRows)),
            "trained": .list(outcome.trained.map { .text($0) }), "untrained": .table(outcome.untrained.mapValues { .text($0) }),
            "gradient_forms": .table(outcome.gradientForms.mapValues { .text($0) }),
            "validation_per_epoch": .list(
                outcome.history.map { record in .table(record.validation.mapValues { .number($0) }) }),
        ]
        result.rowCount = Int64(outcome.trainingRows + outcome.validationRows)
        guard spec.goal == .fineTune else { return }
        // Where the schema leaves an input's columns to the file's own order, they are pinned as those of data are.
        result.columns = outcome.columns.filter { spec.schema[input: $0.key]?.columns == nil && $0.value.count > 1 }
    }

    // MARK: Writing

    /// Writes the files of the new version: a model, or an adapter together with the untouched model that it was trained for.
    private func write(_ outcome: FineTuning.Outcome, from parent: ModelFile, _ report: TrainingReport) throws(Failure) {
        let directory = files.directory
        let facts = facts(report)
        do {
            var base = parent.digest
            if !outcome.isModelAsGiven {
                // Weights that are not in memory may be read from `directory` meanwhile.
                let fresh = directory + ".tuned"
                try empty(fresh)
                var model = try outcome.model.embeddingExternalData(atMost: Model.largestEmbedded)
                model.mergeImports()
                for (key, value) in facts { model.metadata[key] = value }
                try model.write(to: fresh + "/model.onnx")
                base = try FileDigest.of(FilePath(fresh + "/model.onnx")).digest
                FaultPoint.reach(.tunedWritten)
                try? FileManager.default.removeItem(atPath: directory)
                FaultPoint.reach(.tunedRemoved)
                try FileManager.default.moveItem(atPath: fresh, toPath: directory)
            } else if spec.goal == .fineTune {
                try empty(directory)
                // The external data are in the model's folder, under names that we chose.
                for name in [VersionFile.model] + outcome.model.externalDataLocations {
                    let source = (parent.path as NSString).deletingLastPathComponent + "/" + name
                    try Disk.clone(FilePath(source), to: FilePath(directory + "/" + name))
                }
            }
            guard let adapter = outcome.adapter else { return }
            let file = AdapterFile(adapter, base: base, facts: Dictionary(facts, uniquingKeysWith: { first, _ in first }))
            try file.write(to: directory + "/" + VersionFile.adapter)
        } catch let error as ONNXError {
            throw Failure(model: error, place: spec.place)
        } catch {
            throw Failure(writing: error, place: directory)
        }
    }

    private func empty(_ directory: String) throws {
        try? FileManager.default.removeItem(atPath: directory)
        try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
    }

    /// Returns the metadata that the model or the adapter carries, in a fixed order.
    private func facts(_ report: TrainingReport) -> [(key: String, value: String)] {
        var facts = spec.provenance.sorted { $0.key < $1.key }.map { (key: $0.key, value: $0.value) }
        facts.append(("millrace.training.labels", report.trainingData.map { String($0.digest.prefix(12)) }.joined(separator: ",")))
        facts.append(("millrace.training.loss", stage.gradient.loss.kind.rawValue))
        facts.append(("millrace.training.epochs", "\(report.lossPerEpoch.count)"))
        if let gate = report.gate, let before = gate.before, let after = gate.after {
            facts.append(("millrace.gate", "\(gate.metric) \(before) to \(after)"))
        }
        return facts
    }
}

extension Failure {
    /// Returns the failure with the names of the files as they arrived, not as we keep them.
    fileprivate func naming(_ files: [AttemptSpec.LabelledFile]) -> Failure {
        var failure = self
        for file in files {
            let named = failure.fullReason.replacing(file.kept, with: file.file.path)
            (failure.what, failure.cells) = (named.text, named.cells)
            failure.place = failure.place.replacingOccurrences(of: file.kept, with: file.file.path)
        }
        return failure
    }
}
