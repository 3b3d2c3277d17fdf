import Columnar
import Engine
import FileSystem
import Foundation
import ONNX
import Recipes
import Tensors
import TestSupport
import Testing

@testable import Training

/// A model is judged by what it gives, and training judges its own graph of it: on the rows that training holds out, both must find the
/// same.
@Suite struct JudgeTests {
    private static func classic(_ name: String) throws -> Model {
        let tests = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        return try Model(serialized: Data(contentsOf: tests.appendingPathComponent("PassesTests/Classic/\(name).onnx")))
    }

    /// Judges a model by the held-out rows of a training.
    private func judged(
        _ tuning: FineTuning, _ metric: Metric, _ directory: TemporaryDirectory, share: Double? = nil, rowsAtLeast: Int = 1,
        rows: Int? = nil, loss: Loss?? = nil, within seconds: Double? = nil
    ) throws -> Judge.Finding {
        let folder = "judged-\(metric.rawValue)-\(UUID().uuidString)"
        try FileManager.default.createDirectory(atPath: directory(folder), withIntermediateDirectories: true)
        let judgement = Judgement(
            data: tuning.data, loss: loss ?? tuning.recipe.loss, outputs: tuning.recipe.outputs,
            split: ValidationSplit(share: share ?? tuning.recipe.validation, seed: UInt64(tuning.recipe.seed)), metric: metric,
            rowsAtLeast: rowsAtLeast)
        let kept = try JudgedRows(judgement, of: tuning.model, in: heldFolder(directory(folder)), check: {})
        // What another process finds there.
        let found = try JudgedRows(keptIn: heldFolder(directory(folder)))
        #expect(found.count == kept.count && found.form.outputs == kept.form.outputs)
        let session = try Session(model: try tuning.model.serialized(), options: SessionOptions())
        return try Judge(found, session).measure(rows: rows, within: seconds, cancellation: nil, check: {})
    }

    private func compare(_ tuning: FineTuning, _ metrics: [Metric], _ directory: TemporaryDirectory, by tolerance: Double) throws {
        var tuning = tuning
        tuning.recipe.epochs = 1
        tuning.alsoMeasured = metrics
        let outcome = try tuning.run()
        for metric in metrics {
            let found = try judged(tuning, metric, directory), expected = try #require(outcome.before[metric])
            #expect(found.rows == outcome.validationRows)
            #expect(abs(found.value - expected) <= tolerance * max(1, abs(expected)), "\(metric): \(found.value), not \(expected)")
        }
    }

    private static let ofClasses: [Metric] = [.accuracy, .f1, .auc, .logLoss, .loss], ofNumbers: [Metric] = [.rmse, .mae, .r2, .loss]

    @Test(arguments: [false, true]) func probabilitiesAndLogits(softmax: Bool) throws {
        let directory = try TemporaryDirectory("judge")
        try compare(try tuning(directory, model: Models.perceptron(softmax: softmax)), Self.ofClasses, directory, by: 1e-5)
    }

    /// The last run is filled up with rows that count no more, whatever is left.
    @Test(arguments: [7, 8, 9]) func aModelThatTakesAFixedNumberOfRowsIsJudgedByAllOnce(_ size: Int) throws {
        let directory = try TemporaryDirectory("judge")
        try compare(try tuning(directory, model: Models.perceptron(batch: .fixed(size))), Self.ofClasses, directory, by: 1e-5)
    }

    /// A map has its keys in their own order, not in that of the classes.
    @Test func classesThatAMapNames() throws {
        let directory = try TemporaryDirectory("judge")
        var model = Models.perceptron(softmax: true)
        let names = ["z", "a", "m"]
        model.operatorSets.append(OperatorSet(domain: "ai.onnx.ml", version: 3))
        model.graph.nodes.append(
            Node(
                "ZipMap", ["p"], ["maps"], name: "zip", domain: "ai.onnx.ml",
                [Attribute("classlabels_strings", .strings(names.map { Data($0.utf8) }))]))
        model.graph.outputs = [Value("maps", nil)]
        let rows = Models.rows(120).split(separator: "\n").enumerated()
            .map { $0 == 0 ? "\($1)\n" : "\($1.dropLast())\(names[$1.last!.wholeNumberValue!])\n" }.joined()
        try compare(try tuning(directory, model: model, rows: rows), Self.ofClasses, directory, by: 1e-5)
    }

    @Test func weightsOfRowsCount() throws {
        let directory = try TemporaryDirectory("judge")
        let rows = Models.rows(120).split(separator: "\n").enumerated()
            .map { "\($1),\($0 == 0 ? "w" : "\(Double($0 % 5) / 2)")\n" }.joined()
        try compare(try tuning(directory, rows: rows, weight: "w") { $0.data.schema.keep.append("w") }, Self.ofClasses, directory, by: 1e-5)
    }

    @Test(arguments: [
        Loss.meanSquaredError, .huber(delta: 0.3), .quantile([0.3]), .poisson(rate: .rate), .poisson(rate: .automatic),
    ]) func numbers(_ loss: Loss) throws {
        let directory = try TemporaryDirectory("judge")
        let rows =
            "id,a,b,label\n"
            + (0..<90).map { "r\($0),\(Double($0 % 13) / 6 - 1),\(Double($0 % 7) / 3 - 1),\(Double($0 % 11) / 4)\n" }.joined()
        var model = Models.line(w: [0.3, -0.2], b: 1.5)
        if loss == .poisson(rate: .automatic) {
            model.graph.nodes.append(Node("Exp", ["y"], ["rate"]))
            model.graph.outputs = [Value("rate", model.graph.outputs[0].type)]
        }
        let run = try tuning(directory, model: model, rows: rows, recipe: GradientDescent(loss: loss, learningRate: 1e-3)) {
            $0.gate = Gate(metric: .loss, rowsAtLeast: 1)
        }
        try compare(run, Self.ofNumbers, directory, by: 1e-5)
    }

    /// Models that others exported: label outputs, maps of classes whose order is not that of the names, probabilities without a Softmax.
    @Test(arguments: [
        ("logistic-3-names", ["high", "low", "middle"]), ("extra-trees", ["high", "low", "middle"]), ("one-versus-rest", ["0", "1", "2"]),
        ("logistic-2-zipmap", ["0", "1"]), ("lightgbm-3", ["0", "1", "2"]), ("calibrated", ["0", "1"]), ("xgboost-2", ["0", "1"]),
    ]) func classifiers(_ name: String, _ classes: [String]) throws {
        let directory = try TemporaryDirectory("judge")
        var generator = SeededGenerator(seed: 4)
        var rows = "id,a,b,c,d,label\n"
        for row in 0..<160 {
            let values = (0..<4).map { _ in Float.random(in: -2...2, using: &generator) }
            let place = (values[0] > 0.2 ? 1 : 0) + (values[2] > 0.4 ? 1 : 0)
            rows += "r\(row),\(values.map { "\($0)" }.joined(separator: ",")),\(classes[min(place, classes.count - 1)])\n"
        }
        let model = try Self.classic(name)
        // Where the graph does not show that two columns are probabilities, training does not take them for a yes and a no.
        for loss in classes.count == 2 && name != "calibrated" ? [Loss.binaryCrossEntropy(), .crossEntropy()] : [.crossEntropy()] {
            let run = try tuning(directory, model: model, rows: rows, recipe: GradientDescent(loss: loss), folder: "run-\(loss.name)")
            try compare(run, Self.ofClasses, directory, by: 1e-4)
            // Nobody needs to name the loss.
            let named = try judged(run, .accuracy, directory), found = try judged(run, .accuracy, directory, loss: .some(nil))
            #expect(named == found)
        }
    }

    /// Fewer rows are a sample of all, the same for everybody, and there are always as many as the gate needs.
    @Test func someOfTheRows() throws {
        let directory = try TemporaryDirectory("judge")
        let run = try tuning(directory, rows: Models.rows(900))
        let all = try judged(run, .logLoss, directory, share: 1)
        #expect(all.rows == 900)
        let some = try judged(run, .logLoss, directory, share: 1, rows: 100)
        let again = try judged(run, .logLoss, directory, share: 1, rows: 100)
        #expect(some.rows == 100 && some == again)
        #expect(abs(some.value - all.value) < 0.3 && some.value != all.value)
        let short = try judged(run, .logLoss, directory, share: 1, rowsAtLeast: 50, within: 0)
        #expect((50..<900).contains(short.rows))
        // Rows that are sorted by their class are a fair sample too.
        let sorted = Models.rows(900).split(separator: "\n")
        let text = ([sorted[0]] + sorted.dropFirst().sorted { $0.last! < $1.last! }).joined(separator: "\n") + "\n"
        let sample = try judged(try tuning(directory, rows: text), .logLoss, directory, share: 1, rows: 100)
        #expect(abs(sample.value - all.value) < 0.3)
    }

    // MARK: What cannot be measured

    private func refusal(_ tuning: FineTuning, _ metric: Metric, rowsAtLeast: Int = 1, loss: Loss?? = nil) throws -> String {
        let directory = try TemporaryDirectory("judge")
        let error = #expect(throws: TrainingError.self) { try judged(tuning, metric, directory, rowsAtLeast: rowsAtLeast, loss: loss) }
        return error.map { "\($0)" } ?? ""
    }

    @Test func everyFaultIsNamed() throws {
        let directory = try TemporaryDirectory("judge")
        let few = try refusal(try tuning(directory), .accuracy, rowsAtLeast: 90)
        #expect(
            few.contains("the gate needs 90 labelled rows that no training sees, and there are ") && few.contains("rows_at_least"), "\(few)"
        )
        let none = try refusal(try tuning(directory, label: .list(["digit"])), .accuracy)
        #expect(none.contains("rows.csv") && none.contains("digit"), "\(none)")
        let unlabelled = Models.rows(60).split(separator: "\n").enumerated()
            .map { $0 == 0 ? "\($1)\n" : $1.split(separator: ",").dropLast().joined(separator: ",") + ",\n" }.joined()
        let missing = try refusal(try tuning(directory, rows: unlabelled), .accuracy)
        #expect(missing.contains("none of its 60 rows has a label"), "\(missing)")
        let one = Models.rows(60).split(separator: "\n").enumerated()
            .map { $0 == 0 ? "\($1)\n" : $1.split(separator: ",").dropLast().joined(separator: ",") + ",1\n" }.joined()
        for metric in [Metric.accuracy, .auc, .loss] {
            let same = try refusal(try tuning(directory, rows: one), metric)
            #expect(same.contains("their labels are all of one class"), "\(same)")
        }
        let misfit = try refusal(try tuning(directory), .rmse)
        #expect(
            misfit.contains("the metric rmse does not fit the loss cross_entropy on 'scores'") && misfit.contains("accuracy"), "\(misfit)")
        let line = try refusal(try tuning(directory, model: Models.line()), .accuracy, loss: .some(nil))
        #expect(line.contains("no class") || line.contains("one class") || line.contains("2"), "\(line)")
        let unnamed = try refusal(try tuning(directory), .loss, loss: .some(nil))
        #expect(unnamed.contains("nothing says which loss is meant"), "\(unnamed)")
        let own = try refusal(try tuning(directory), .loss, loss: .some(.output("scores")))
        #expect(own.contains("computes its own loss"), "\(own)")
    }
}
