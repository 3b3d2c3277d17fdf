import Columnar
import Foundation
import ONNX
import Passes
import Recipes
import Tensors
import TestSupport
import Testing
import TrainingGraph

@testable import Training

/// Models that scikit-learn and others exported, trained from rows of a table.
@Suite struct ClassicModelTests {
    private static func model(_ name: String) throws -> Model {
        let tests = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        return try Model(serialized: Data(contentsOf: tests.appendingPathComponent("PassesTests/Classic/\(name).onnx")))
    }

    /// `id,a,b,c,d,label`, the class by where a point lies; `names` in place of 0, 1 and 2.
    private static func rows(_ count: Int, names: [String]) -> String {
        var generator = SeededGenerator(seed: 9)
        var text = "id,a,b,c,d,label\n"
        for row in 0..<count {
            let values = (0..<4).map { _ in Float.random(in: -2...2, using: &generator) }
            let place = (values[0] - values[1] > 0.3 ? 1 : 0) + (values[2] > 0 ? 1 : 0)
            text += "r\(row),\(values.map { "\($0)" }.joined(separator: ",")),\(names[min(place, names.count - 1)])\n"
        }
        return text
    }

    private static func tuning(_ directory: TemporaryDirectory, _ model: Model, names: [String], _ loss: Loss) throws -> FineTuning {
        try directory.write(rows(300, names: names), to: "rows.csv")
        try FileManager.default.createDirectory(atPath: directory("run"), withIntermediateDirectories: true)
        let recipe = GradientDescent(loss: loss, optimizer: .adam(), learningRate: 0.02, weightDecay: 0) {
            $0.epochs = 4
            $0.batchSize = 16
            $0.validation = 0.25
            $0.seed = 3
        }
        return FineTuning(
            model: model, data: LabelledData(files: [.init(directory("rows.csv"))], label: .list(["label"]), key: ["id"], keep: ["label"]),
            recipe: recipe,
            gate: Gate(metric: .loss, rowsAtLeast: 1), folder: try heldFolder(directory("run")))
    }

    /// Classes have the names that a label output or a ZipMap gives them, without being told.
    @Test(arguments: [
        ("logistic-3-names", ["high", "low", "middle"]), ("extra-trees", ["high", "low", "middle"]), ("tree-3", ["high", "low", "middle"]),
        ("forest-3", ["0", "1", "2"]), ("one-versus-rest", ["0", "1", "2"]), ("logistic-2-zipmap", ["0", "1"]),
        ("lightgbm-3", ["0", "1", "2"]),
        ("calibrated", ["0", "1"]), ("sgd-3", ["0", "1", "2"]),
    ])
    func labelsAreWhatTheModelSays(_ name: String, _ classes: [String]) throws {
        let directory = try TemporaryDirectory("classic")
        let model = try Self.model(name)
        // Not in the model's order.
        let outcome = try Self.tuning(
            directory, model, names: classes.count == 3 ? [classes[1], classes[2], classes[0]] : classes, .crossEntropy()
        ).run()
        let before = try #require(outcome.before[.loss]), after = try #require(outcome.after[.loss])
        #expect(after < before - 0.01, "\(before) -> \(after)")
        #expect(!outcome.trained.isEmpty && outcome.isModelAsGiven == false)
        var restored = outcome.model
        var values: [String: Tensor] = [:]
        for home in ParameterHomes(model).homes { values[home.name] = try ParameterHomes.value(at: home, in: model) }
        try ParameterHomes.write(values, into: &restored)
        // These may be stored in another field of the format.
        #expect(restored.graph.initializers.map(\.name) == model.graph.initializers.map(\.name))
        restored.graph.initializers = model.graph.initializers
        #expect(restored == model && outcome.model != model)
    }

    @Test func aTextThatIsNoClassIsRefusedWithTheModelsOwn() throws {
        let directory = try TemporaryDirectory("classic")
        let run = try Self.tuning(directory, try Self.model("extra-trees"), names: ["low", "middle", "top"], .crossEntropy())
        let error = #expect(throws: TrainingError.self) { try run.run() }
        #expect(String(describing: error).contains("is no class; the classes are"))
    }

    /// Five trees: the probabilities of a leaf add up to a fifth.
    @Test func leavesStayProbabilities() throws {
        let directory = try TemporaryDirectory("classic")
        let outcome = try Self.tuning(directory, try Self.model("extra-trees"), names: ["low", "middle", "high"], .crossEntropy()).run()
        let weights = try #require(outcome.model.graph.nodes[0].attribute("class_weights")?.floats)
        #expect(weights.count > 60 && weights.count % 3 == 0 && weights.allSatisfy { $0 >= 0 })
        for leaf in stride(from: 0, to: weights.count, by: 3) {
            #expect(abs(weights[leaf] + weights[leaf + 1] + weights[leaf + 2] - 0.2) < 1e-5)
        }

        let two = try Self.tuning(directory, try Self.model("forest-2"), names: ["0", "1"], .binaryCrossEntropy())
        let shares = try #require(try two.run().model.graph.nodes[0].attribute("class_weights")?.floats)
        #expect(shares.allSatisfy { $0 >= 0 && $0 <= 0.2 })
    }

    @Test func theRowsOfATwoClassModelStayOpposite() throws {
        let directory = try TemporaryDirectory("classic")
        let outcome = try Self.tuning(directory, try Self.model("logistic-2"), names: ["0", "1"], .crossEntropy()).run()
        let node = outcome.model.graph.nodes[0]
        let weights = try #require(node.attribute("coefficients")?.floats), intercepts = try #require(node.attribute("intercepts")?.floats)
        #expect(weights.count == 8 && (0..<4).allSatisfy { weights[$0] == -weights[$0 + 4] } && intercepts[0] == -intercepts[1])
    }

    @Test(arguments: ["linear", "forest-regressor", "boosting-regressor", "lightgbm-regressor", "xgboost-regressor"])
    func regressorsLearnNumbers(_ name: String) throws {
        let directory = try TemporaryDirectory("classic")
        let outcome = try Self.tuning(directory, try Self.model(name), names: ["-1.5", "0.25", "2"], .meanSquaredError).run()
        let before = try #require(outcome.before[.loss]), after = try #require(outcome.after[.loss])
        #expect(after < before - 0.01, "\(before) -> \(after)")
    }
}
