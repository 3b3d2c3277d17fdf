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
    let tools: AttemptTools
    let files: AttemptSpec.ModelFiles
    let stage: OptimizeStage
    private let training: AttemptSpec.Training

    init(_ tools: AttemptTools, _ files: AttemptSpec.ModelFiles, _ stage: OptimizeStage, _ training: AttemptSpec.Training) {
        self.tools = tools
        self.files = files
        self.stage = stage
        self.training = training
    }

    func run(_ result: inout AttemptResult) throws(Failure) {
        if let subject = training.labelled.firstIndex(where: { $0.arrival == training.subject }) {
            result.absentColumns = try keep(subject)
            // An empty file teaches nothing and has no fault.
            if !hasRows(training.labelled[subject]) {
                result.rowCount = 0
                return
            }
        }
        var phases = Phases()
        defer { result.timings.merge(phases.seconds) { $0 + $1 } }
        let file = try model()
        let parent = try file.parsed()
        var report = TrainingReport()
        var outcome: FineTuning.Outcome?
        do throws(Failure) {
            outcome = try phases.time("train") { () throws(Failure) in
                try train(parent, file.adapter, &report, &result.absentColumns)
            }
            report.rejection = outcome.flatMap(rejection)
        } catch  where error.kind == .tooFewRows {
            report.wait = error
        } catch {
            // Labels from which nothing can be learnt are no reason to refuse the model that arrived.
            guard tools.spec.goal == .validateModel, [.badInput, .badModel, .diverged].contains(error.kind) else { throw error }
            report.rejection = error
        }
        if let outcome { add(outcome, to: &report, &result) }
        result.training = report
        if let rejection = report.rejection {
            if tools.spec.goal == .fineTune { throw rejection }
            return
        }
        guard outcome != nil else { return }
        // The trained model is in memory only until it is written.
        try phases.time("write") { () throws(Failure) in
            if let tuned = outcome.take() { try write(tuned, from: file, report) }
        }
        try ModelValidation(tools, files).accept(&phases, &result)
    }

    /// Opens the model to train from: one that has arrived is read as the attempt has written it.
    func model() throws(Failure) -> ModelFile {
        let isArrival =
            switch tools.spec.work {
            case .help(_, _, let isArrival): isArrival
            default: tools.spec.goal == .validateModel
            }
        return isArrival
            ? try ModelFile(tools.opener.written(by: files))
            : try ModelFile(tuned: tools.opener.model(of: files), expected: files.model.digest)
    }

    // MARK: Training

    /// Trains on the labels that can be used; returns nil where none are left to learn from.
    private func train(
        _ parent: Model, _ adapter: AdapterFile?, _ report: inout TrainingReport, _ absentColumns: inout [String]
    ) throws(Failure) -> FineTuning.Outcome? {
        var usable: [AttemptSpec.LabelledFile] = []
        for (number, labelled) in training.labelled.enumerated() {
            do throws(Failure) {
                absentColumns += try keep(number)
                if hasRows(labelled) { usable.append(labelled) }
            } catch {
                try setAside(labelled, error, &report)
            }
        }
        let checkpoints: any GivenFolder
        do throws(FileSystemError) { checkpoints = try tools.opener.folder(.checkpoints) } catch {
            throw Failure(landing: error, place: training.checkpoints)
        }
        while !usable.isEmpty {
            report.hyperParameters = stage.gradient.cardSettings(threads: tools.spec.limits.threads)
            report.trainingData = usable.map { TrainingSource(path: $0.name, digest: $0.file.digest, arrival: $0.arrival) }
            let run = FineTuning(
                model: parent, adapter: adapter?.adapter,
                data: tools.spec.schema.ofKeptRows.labelledData(
                    usable.map { LabelledData.File($0.kept, originalPath: $0.file.path) },
                    open: { [opener = tools.opener] file in
                        Result { () throws(FileSystemError) in try Self.open(file.path, opener) }
                    },
                    inputs: parent.graph.inputs.map(\.name), nanInputs: ModelFacts(parent).nanInputs, pinned: tools.spec.columns),
                recipe: stage.gradient, gate: stage.gate, threads: tools.spec.limits.threads, folder: checkpoints)
            do throws(TrainingError) {
                return try run.run(
                    TrainingControl(
                        engine: tools.interruption.engine,
                        isCancelled: { [interruption = tools.interruption] in interruption.isEndedAfterOthers() },
                        progress: tools.interruption.control.progress, help: help))
            } catch {
                try tools.interruption.check()
                let failure = Failure(training: error, tools.spec).naming(usable.map { ($0.kept, $0.file.path) })
                // The fault is one of a single file, at one of its rows, or of all files together.
                guard case .badLabels(let place, _, _) = error,
                    let bad = usable.firstIndex(where: { place == $0.kept || place.hasPrefix($0.kept + ":") })
                else { throw failure }
                try setAside(usable.remove(at: bad), failure, &report)
            }
        }
        return nil
    }

    /// Gets those who help; nil where batches are not cut into shares.
    private var help: ShareHelp? {
        guard stage.gradient.shares > 1 else { return nil }
        return ShareHelp(
            next: { [opener = tools.opener] in (try? opener.connection()) ?? nil }, want: tools.interruption.control.offer)
    }

    /// Returns whether a kept file has rows. A file that cannot be read may have some; the code that reads it refuses it.
    private func hasRows(_ labelled: AttemptSpec.LabelledFile) -> Bool {
        var options = ReadOptions()
        options.dialect = tools.spec.schema.ofKeptRows.dialect
        guard let file = try? Self.open(labelled.kept, tools.opener) else { return true }
        defer { Disk.close(file) }
        options.descriptor = file.rawValue
        return (try? Columnar.hasRows(path: labelled.kept, options: options)) ?? true
    }

    /// Opens labels that are kept.
    private static func open(_ kept: String, _ opener: any AttemptFiles) throws(FileSystemError) -> FileDescriptor {
        try opener.folder(.labels).open(name(kept))
    }

    private static func name(_ kept: String) -> String { (kept as NSString).lastPathComponent }

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

    /// Keeps the labels, so that training reads the same content, however long it takes: a copy of them or, where columns are left out or
    /// hashed, a file without these. Returns such columns that the rows do not have.
    private func keep(_ number: Int) throws(Failure) -> [String] {
        let labelled = training.labelled[number], name = Self.name(labelled.kept)
        let folder: any GivenFolder
        do throws(FileSystemError) {
            folder = try tools.opener.folder(.labels)
            if try folder.has(name) { return [] }
        } catch {
            throw Failure(landing: error, place: labelled.file.path)
        }
        if let privacy = tools.spec.schema.privacy { return try PrivateLabels(tools, labelled, number, folder).keep(as: name, privacy) }
        let opened = try OpenedInput(labelled.file, as: .labels(number), from: tools.opener)
        do throws(FileSystemError) {
            try folder.keep(opened.file, digest: labelled.file.digest, as: name, named: FilePath(labelled.file.path))
            return []
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
                .gate, what: Reason($0), place: tools.spec.place,
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
        if let helped = outcome.helpedShares { report.decisions["shares_computed_by_others"] = .integer(Int64(helped)) }
        if let engine = outcome.engine {
            report.decisions["step_engine"] = .text("\(engine)")
            report.decisions["loss_difference"] = engine.lossDifference.map { .number($0) }
        }
        result.rowCount = Int64(outcome.trainingRows + outcome.validationRows)
        guard tools.spec.goal == .fineTune else { return }
        // Where the schema leaves an input's columns to the file's own order, they are pinned as those of data are.
        result.columns = outcome.columns.filter { tools.spec.schema[input: $0.key]?.columns == nil && $0.value.count > 1 }
    }
}

extension Failure {
    /// Returns the failure with the names of labelled files as they arrived, not as we keep them.
    func naming(_ files: [(kept: String, arrived: String)]) -> Failure {
        var failure = self
        for file in files {
            let named = failure.fullReason.replacing(file.kept, with: file.arrived)
            (failure.what, failure.cells) = (named.text, named.cells)
            failure.place = failure.place.replacingOccurrences(of: file.kept, with: file.arrived)
        }
        return failure
    }
}
