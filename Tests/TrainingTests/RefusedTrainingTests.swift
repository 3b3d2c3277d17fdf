import Columnar
import Foundation
import ONNX
import Recipes
import Tensors
import TestSupport
import Testing
import TrainingGraph

@testable import Training

/// Trainings that are refused before the first step, and that stop because a number is none.
@Suite struct RefusedTrainingTests {
    @Test func aLossThatIsNoNumberStopsTheRunAndNamesTheLayer() throws {
        let directory = try TemporaryDirectory("tuning")
        let recipe = GradientDescent(loss: .meanSquaredError, optimizer: .sgd(), learningRate: 1e18, weightDecay: 0)
        let run = try tuning(directory, model: Models.perceptron(outputs: 1), recipe: recipe) {
            $0.gate = Gate(metric: .loss, rowsAtLeast: 1)
        }
        let (step, layer, remedy) = try #require(divergence(run))
        #expect(step >= 2 && step < 10)
        let named = try #require(layer)
        #expect(["first", "second", "parameter", "Pow", "Mul", "Sub"].contains { named.contains($0) }, "\(named)")
        #expect(remedy.contains("learning rate"))
    }

    /// No loss is computed after the last step where no rows are held out.
    @Test func aLastStepThatBreaksTheWeightsIsTold() throws {
        let directory = try TemporaryDirectory("tuning")
        let recipe = GradientDescent(loss: .crossEntropy(), optimizer: .sgd(), learningRate: 1e39, weightDecay: 0)
        let run = try tuning(directory, recipe: recipe) {
            ($0.recipe.epochs, $0.recipe.batchSize, $0.recipe.validation, $0.gate) = (1, 1000, 0, Gate(rowsAtLeast: 1))
        }
        let (step, layer, remedy) = try #require(divergence(run))
        #expect(step == 1 && remedy.contains("learning rate"))
        #expect(layer?.hasPrefix("parameter ") == true, "\(layer ?? "none")")
    }

    private func divergence(_ run: FineTuning) -> (step: Int, layer: String?, remedy: String)? {
        do {
            _ = try run.run()
            return nil
        } catch {
            guard case .diverged(let step, let layer, let remedy) = error else { return nil }
            return (step, layer, remedy)
        }
    }

    @Test func aModelThatIsBrokenFromTheStartIsTold() throws {
        let directory = try TemporaryDirectory("tuning")
        var model = Models.perceptron()
        model.graph.initializers[1].replace(with: Tensor(.float32, [8], [Float](repeating: .greatestFiniteMagnitude, count: 8)))
        model.graph.initializers[2].replace(with: Tensor(.float32, [8, 3], [Float](repeating: 10, count: 24)))
        let (step, layer, remedy) = try #require(divergence(try tuning(directory, model: model)))
        #expect(step == 1)
        #expect(layer?.contains("'second'") == true, "\(layer ?? "none")")
        #expect(remedy.contains("before anything was trained"))
    }

    private func refusal(_ body: () throws -> FineTuning) -> String {
        do {
            _ = try body().run()
            return "accepted"
        } catch { return "\(error)" }
    }

    @Test func whatCannotBeTrainedIsRefusedWithItsReason() throws {
        let directory = try TemporaryDirectory("tuning")
        let few = refusal { try tuning(directory, rows: Models.rows(20)) { $0.gate = Gate(metric: .accuracy, rowsAtLeast: 30) } }
        #expect(few.contains("the gate waits until 30 rows are held out, and") && few.contains("lower rows_at_least"), "\(few)")

        let metric = refusal { try tuning(directory) { $0.gate = Gate(metric: .rmse, rowsAtLeast: 1) } }
        #expect(metric.contains("rmse does not fit the loss cross_entropy") && metric.contains("accuracy, f1, auc"), "\(metric)")

        // Only a row that is not held out has the other class.
        let split = ValidationSplit(share: 0.25, seed: 3)
        let taught = (0..<60).first { row in
            var key = RowKey(seed: 3)
            key.add("r\(row)")
            return !split.holdsOut(key.value)
        }
        let oneClass = "id,a,b,label\n" + (0..<60).map { "r\($0),\($0),1,\($0 == taught ? 1 : 0)\n" }.joined()
        let auc = refusal { try tuning(directory, rows: oneClass) { $0.gate = Gate(metric: .auc, rowsAtLeast: 1) } }
        #expect(auc.contains("one class") && auc.contains("auc"), "\(auc)")

        let frozen = refusal {
            var recipe = GradientDescent.crossEntropy
            recipe.freeze = ["*"]
            return try tuning(directory, recipe: recipe)
        }
        #expect(frozen.contains("no parameter can be trained") && frozen.contains("frozen"), "\(frozen)")

        let shape = refusal { try tuning(directory, model: Models.perceptron(outputs: 1)) }
        #expect(shape.contains("cross_entropy") && shape.contains("binary_cross_entropy"), "\(shape)")

        let plan = refusal {
            try tuning(directory) {
                $0.recipe.validation = 0; $0.recipe.earlyStopping = .init(patience: 2)
            }
        }
        #expect(plan.contains("early_stopping: without held-out rows"), "\(plan)")

        let quantized = refusal { try tuning(directory, model: Self.quantized) }
        #expect(quantized.contains("quantized") && quantized.contains("float model"), "\(quantized)")
    }

    /// `x w + b` whose weight is int8 behind DequantizeLinear.
    private static var quantized: Model {
        let graph = Graph(
            name: "quantized",
            nodes: [
                Node("DequantizeLinear", ["q", "scale", "zero"], ["w"], name: "dequantize"),
                Node("MatMul", ["x", "w"], ["scores"], name: "product"),
            ], inputs: [Value("x", .tensor(.float32, [.symbolic("N"), .fixed(2)]))],
            outputs: [Value("scores", .tensor(.float32, [.symbolic("N"), .fixed(3)]))],
            initializers: [
                StoredTensor("q", .int8, [2, 3], [1, -2, 3, 4, -5, 6] as [Int8]), StoredTensor("scale", .float32, [], [Float(0.1)]),
                StoredTensor("zero", .int8, [], [Int8(0)]),
            ])
        return Model(irVersion: 8, operatorSets: [OperatorSet(domain: "", version: 17)], graph: graph)
    }
}
