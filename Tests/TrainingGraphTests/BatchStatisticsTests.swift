import Autodiff
import ConformanceSupport
import Engine
import ONNX
import Recipes
import Tensors
import Testing

@testable import TrainingGraph

/// BatchNormalization in training form against PyTorch's `train()`, in float64.
@Suite struct BatchStatisticsTests {
    private static func recipe(freeze: [String] = [], accumulate: Int = 1, shares: Int = 1) -> GradientDescent {
        GradientDescent(loss: .crossEntropy(), optimizer: .sgd(), learningRate: 1e-3, weightDecay: 0) {
            $0.accumulate = accumulate
            $0.shares = shares
            $0.freeze = freeze
            $0.batchNormalization = .train
        }
    }

    /// Images `[N, C, H, W]` under the default momentum, and rows `[N, C]` under another: whole batches, and batches whose shares have the
    /// statistics of all of them.
    @Test(arguments: ["cnn", "normed"], [1, 4])
    func lossesAndRunningStatisticsAgreeWithPyTorch(name: String, shares: Int) throws {
        let golden = try Golden("statistics"), data = try Golden(name), model = try Golden.model(name)
        let run = try StepRun(model, Self.recipe(shares: shares))
        let wanted = try golden.numbers(name + "/losses")
        for step in wanted.indices {
            let loss = try run.step(["x": data.batch("input/x", step % 4)], target: data.batch("target", step % 4), rate: 0.05)
            #expect(abs(loss - wanted[step]) < 1e-5, "step \(step): \(loss), PyTorch has \(wanted[step])")
        }
        var after: [String: Tensor] = [:]
        var statistics = 0
        for slot in run.graph.parameters {
            let value = try run.session.value(slot.name)
            after[slot.name] = value
            if slot.kind == .statistic { statistics += 1 }
            let reference = try golden.numbers("\(name)/after/\(slot.name)")
            #expect(distance(value.numbers, reference) < 1e-4 * length(reference), "\(slot.name)")
        }
        #expect(statistics == (name == "cnn" ? 6 : 2))
        #expect(run.graph.untrained.isEmpty, "\(run.graph.untrained)")
        // Evaluated and written, it is normalized by the running ones.
        let evaluated = try golden.numbers(name + "/evaluated/losses")
        let written = try StepRun(
            run.graph.model(model, with: after), GradientDescent(loss: .crossEntropy(), learningRate: 1e-3, weightDecay: 0))
        for batch in evaluated.indices {
            let (x, y) = (try ["x": data.batch("input/x", batch)], try data.batch("target", batch))
            #expect(abs(try run.evaluate(x, target: y).loss - evaluated[batch]) < 1e-4)
            #expect(abs(try written.evaluate(x, target: y).loss - evaluated[batch]) < 1e-4)
        }
        #expect(
            written.graph.evaluation.graph.nodes.filter { $0.operatorType == "BatchNormalization" }.allSatisfy {
                ($0.attribute("training_mode")?.int ?? 0) == 0
            })
    }

    /// Every batch moves them, whether or not it ends a step; frozen by name, a layer stays in inference form.
    @Test func whatMovesThemAndWhatDoesNot() throws {
        let data = try Golden("cnn"), model = try Golden.model("cnn")
        let run = try StepRun(model, Self.recipe(freeze: ["bn1.running_*"], accumulate: 2))
        #expect(
            run.graph.parameters.filter { $0.kind == .statistic }.map(\.name).sorted() == [
                "bn0.running_mean", "bn0.running_var", "bn2.running_mean", "bn2.running_var",
            ])
        let before = try run.session.value("bn0.running_mean").numbers, scale = try run.session.value("bn0.weight").numbers
        _ = try run.step(["x": data.batch("input/x", 0)], target: data.batch("target", 0), rate: 0.05, apply: false)
        #expect(try run.session.value("bn0.running_mean").numbers != before)
        #expect(try run.session.value("bn0.weight").numbers == scale)
        // A batch of one row of one pixel has no variance of its own to speak of.
        let rows = try StepRun(Golden.model("normed"), Self.recipe()), normed = try Golden("normed")
        _ = try rows.step(["x": normed.batch("input/x", 0, rows: 1)], target: normed.batch("target", 0, rows: 1), rate: 0.05)
        #expect(try rows.session.value("1.running_var").numbers.allSatisfy(\.isFinite))
    }

    @Test func statisticsThatOthersReadAreRefused() throws {
        var model = try Golden.model("cnn")
        for position in model.graph.nodes.indices where model.graph.nodes[position].inputs.contains("bn1.running_mean") {
            model.graph.nodes[position].inputs[3] = "bn0.running_mean"
        }
        let error = try #require(throws: AutodiffError.self) { try StepGraph(model, Self.recipe()) }
        #expect("\(error)".contains("'bn0.running_mean' are read elsewhere"), "\(error)")
        let adapters = GradientDescent(loss: .crossEntropy(), learningRate: 1e-3, weightDecay: 0) {
            $0.batchNormalization = .train
            $0.adapters = .init(rank: 1, targets: ["*"])
        }
        let both = try #require(throws: AutodiffError.self) { try StepGraph(Golden.model("cnn"), adapters) }
        #expect("\(both)".contains("beside adapters nothing else is trained"), "\(both)")
    }
}
