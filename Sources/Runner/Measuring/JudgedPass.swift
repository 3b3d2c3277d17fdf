import Arrivals
import Attempts
import Columnar
import Engine
import FileSystem
import ONNX
import Reasons
import Recipes
import SystemPackage
import Training

/// Measures the metric of a gate for one way of executing a model. The attempt of the model as it was published, which comes first, keeps
/// the labelled rows for those after it: their models may be in forms of which nobody can tell any more what the outputs mean.
struct JudgedPass {
    private let tools: AttemptTools
    private let files: AttemptSpec.MeasuredFiles
    private let judged: JudgedFiles

    /// Throws where no labelled rows are known.
    init(_ tools: AttemptTools, _ files: AttemptSpec.MeasuredFiles) throws(Failure) {
        guard let judged = files.judged else {
            throw Failure(
                .tooFewRows, what: "no labelled rows are known, so that no metric can be measured", place: files.model.path,
                remedy: "Bring labelled rows.")
        }
        self.tools = tools
        self.files = files
        self.judged = judged
    }

    func measure(_ session: Session, rows: Int?, within seconds: Double?) throws(Failure) -> MetricFinding {
        let folder: any GivenFolder
        do throws(FileSystemError) { folder = try tools.opener.folder(.reference) } catch {
            throw Failure(landing: error, place: files.reference)
        }
        do throws(TrainingError) {
            let kept = JudgedRows.areKept(in: folder) ? try JudgedRows(keptIn: folder) : try keep(in: folder)
            let found = try Judge(kept, session).measure(
                rows: rows, within: seconds, cancellation: tools.interruption.engine, check: check)
            return MetricFinding(value: found.value, rows: found.rows)
        } catch {
            try tools.interruption.check()
            throw Failure(judging: error, files).naming(judged.files.map { ($0.file.path, $0.arrived ?? $0.file.path) })
        }
    }

    private func keep(in folder: any GivenFolder) throws(TrainingError) -> JudgedRows {
        let model = try published()
        // Files that a command names stand as they are.
        let schema = judged.files.contains { $0.arrived == nil } ? judged.schema : judged.schema.ofKeptRows
        let data = schema.labelledData(
            judged.files.map { LabelledData.File($0.file.path, originalPath: $0.arrived) },
            open: { [judged, opener = tools.opener] file in
                Result { () throws(FileSystemError) in
                    guard let number = judged.files.firstIndex(where: { $0.file.path == file.path }) else {
                        throw .missing(FilePath(file.path))
                    }
                    return try opener.open(.labels(number))
                }
            }, inputs: model.graph.requiredInputs.map(\.name), nanInputs: ModelFacts(model).nanInputs, pinned: tools.spec.columns)
        return try JudgedRows(
            Judgement(
                data: data, loss: judged.loss, outputs: judged.outputs,
                split: ValidationSplit(share: judged.share, seed: UInt64(judged.seed)), metric: judged.gate.metric,
                rowsAtLeast: judged.gate.rowsAtLeast),
            of: model, in: folder, check: check)
    }

    /// Returns the model as it was published.
    private func published() throws(TrainingError) -> Model {
        do throws(Failure) { return try ModelFile(tuned: tools.opener.model(of: files), expected: files.model.digest).merged() } catch {
            throw .badModel(reason: error.fullReason, remedy: error.remedy)
        }
    }

    private func check() throws(TrainingError) { if tools.interruption.isEndedAfterOthers() { throw .cancelled } }
}

extension Failure {
    /// Describes why a metric could not be measured. What to do is part of the sentence, since the reason stands on cards.
    fileprivate init(judging error: TrainingError, _ files: AttemptSpec.MeasuredFiles) {
        let place = files.model.path
        switch error {
        case .badLabels(let file, let reason, let remedy):
            self.init(.badInput, what: "\(reason): \(remedy)", place: file, remedy: Self.other)
        case .tooFewRows(let reason, let remedy): self.init(.tooFewRows, what: "\(reason): \(remedy)", place: place, remedy: Self.other)
        case .badModel(let reason, let remedy): self.init(.badModel, what: "\(reason): \(remedy)", place: place, remedy: Self.other)
        case .cannotRead(let path, _), .cannotWrite(let path, _): self.init(.resource, what: "\(error)", place: path, remedy: Self.other)
        case .disk(let cause): self.init(landing: cause, place: files.reference)
        case .diverged, .cancelled: self.init(.resource, what: "\(error)", place: place, remedy: Self.other)
        }
    }

    private static let other = "Without the metric, the agreement of the outputs decides."
}
