import Autodiff
import Columnar
package import FileSystem
import Foundation
package import ONNX
import Reasons
package import Recipes
import SystemPackage
import Tensors
import TrainingGraph

/// Says by which labelled rows a model is judged, and how.
package struct Judgement: Sendable {
    package var data: LabelledData
    /// The loss that says what the outputs mean; nil takes the first that fits the metric and the model.
    package var loss: Loss?
    /// The outputs that are judged; if empty, the only ones that can be meant.
    package var outputs: [String]
    /// The rows that no training sees. With a share of 1 all of them judge.
    package var split: ValidationSplit
    package var metric: Metric
    package var rowsAtLeast: Int

    package init(
        data: LabelledData, loss: Loss?, outputs: [String] = [], split: ValidationSplit, metric: Metric, rowsAtLeast: Int
    ) {
        self.data = data
        self.loss = loss
        self.outputs = outputs
        self.split = split
        self.metric = metric
        self.rowsAtLeast = rowsAtLeast
    }
}

/// Keeps the labelled rows by which a model is judged, and what its outputs mean, in a folder: they are read from the files once, and every
/// way of executing the model is judged by the same rows.
package struct JudgedRows {
    /// Says what is in the folder beside the rows.
    struct Form: Codable {
        var metric: Metric
        var rowsAtLeast: Int
        var prediction: Prediction
        /// The outputs of the model that the graph takes, with the numbers of their element types.
        var outputs: [String]
        var types: [Int32]
        /// The value whose metric is measured: an output of the model or of the graph.
        var scores: String?
        var target: String
        var sampleWeight: String?
        var loss: String
        var lossWeight: String
        var classes: [String]?
        /// The graph that compares outputs with labels.
        var graph: Data
    }

    let form: Form
    let rows: RowFile
    let layout: RowLayout

    private static let formName = "judge.json", fingerprint = "judged"

    /// The number of rows that judge.
    package var count: Int { rows.rowCount }

    /// Returns whether the folder has such rows.
    package static func areKept(in folder: any GivenFolder) -> Bool { (try? folder.has(formName)) ?? false }

    /// Opens the rows that were kept.
    package init(keptIn folder: any GivenFolder) throws(TrainingError) {
        form = try onDisk { () throws(FileSystemError) in try folder.decode(Form.self, from: Self.formName) }
        guard let store = RowStore.packed(in: folder, fingerprint: Self.fingerprint) else {
            throw .cannotRead(path: folder.path.string, reason: "the labelled rows that were kept are gone")
        }
        rows = store.validation
        layout = store.layout
    }

    /// Reads the rows from their files and keeps them.
    /// - Parameters:
    ///   - model: the model as it was published: it says what its outputs mean.
    ///   - check: throws where the attempt is cancelled.
    package init(
        _ judgement: Judgement, of model: Model, in folder: any GivenFolder, check: () throws(TrainingError) -> Void
    ) throws(TrainingError) {
        let (judge, loss) = try Self.graph(judgement, of: model)
        let prediction = try Prediction(judge.scores, loss: loss)
        guard prediction.metrics.contains(judgement.metric) else {
            throw .badModel(
                reason: "the metric \(judgement.metric.rawValue) does not fit the loss \(loss.name) on "
                    + judge.outputs.map { "'\($0.name)'" }.joined(separator: " and "),
                remedy: "choose one of " + prediction.metrics.map(\.rawValue).joined(separator: ", "))
        }
        let inputs = try model.rowInputs()
        try model.check(judgement.data.inputs)
        var data = judgement.data
        if data.schema.classes == nil { data.schema.classes = judge.classes?.map(\.text) }
        let store = try RowStore.open(
            data, inputs: inputs.map(\.withOpenBatch),
            target: try Target(judge.target, classCount: judge.scores.first?.classCount, loss: loss), split: judgement.split,
            folder: folder, fingerprint: Self.fingerprint, for: .judging, check: check, progress: { _ in })
        guard store.validation.rowCount >= max(judgement.rowsAtLeast, 1) else {
            throw .tooFewRows(
                reason: "the gate needs \(judgement.rowsAtLeast) labelled rows that no training sees, and there are "
                    + "\(store.validation.rowCount)",
                remedy: "bring more labelled rows, or lower rows_at_least of the gate (--gate-rows)")
        }
        let graph: Data
        do throws(ONNXError) { graph = try judge.model.serialized() } catch {
            throw .badModel(reason: "the graph that judges it cannot be written: \(error)", remedy: "choose another metric")
        }
        form = Form(
            metric: judgement.metric, rowsAtLeast: judgement.rowsAtLeast, prediction: prediction, outputs: judge.outputs.map(\.name),
            types: judge.outputs.map(\.elementType.rawValue), scores: judge.scores.count == 1 ? judge.scores[0].name : nil,
            target: judge.target.name, sampleWeight: judge.sampleWeight, loss: judge.loss, lossWeight: judge.lossWeight,
            classes: judge.classes?.map(\.text), graph: graph)
        rows = store.validation
        layout = store.layout
        try onDisk { () throws(FileSystemError) in
            try folder.write(try JSONFile.encode(form, for: folder.path(of: Self.formName)), to: Self.formName)
        }
    }

    /// Finds the outputs of the model that the labels are compared with.
    private static func graph(_ judgement: Judgement, of model: Model) throws(TrainingError) -> (JudgeGraph, Loss) {
        let tried = judgement.loss.map { [$0] } ?? judgement.metric.losses
        var first: AutodiffError?
        for loss in tried {
            do throws(AutodiffError) { return (try JudgeGraph(model, loss: loss, outputs: judgement.outputs), loss) } catch {
                first = first ?? error
            }
        }
        guard let first else {
            throw .badModel(reason: "nothing says which loss is meant", remedy: "name it (--loss), or choose another metric")
        }
        throw TrainingError(first)
    }
}
