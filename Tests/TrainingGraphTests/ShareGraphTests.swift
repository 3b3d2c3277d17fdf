import Autodiff
import ConformanceSupport
import Engine
import ONNX
import Recipes
import Tensors
import Testing
import TrainingGraph

/// What is computed of shares, and added over them, is what is computed of a whole batch.
struct ShareGraphTests {
    private func recipe(_ loss: Loss, shares: Int, _ change: (inout GradientDescent) -> Void = { _ in }) -> GradientDescent {
        GradientDescent(loss: loss, optimizer: .sgd(), learningRate: 1e-3, weightDecay: 0) {
            $0.shares = shares
            change(&$0)
        }
    }

    /// The loss is PyTorch's of the whole batch, whose rows have weights of their own, and the step leads to the same weights.
    @Test(arguments: LossTests.cases, [2, 3])
    func everyLossIsNormalizedOverAllShares(_ loss: LossTests.Case, shares: Int) throws {
        let golden = try Golden("losses")
        let x = try golden[loss.name + "/x"]
        var model = LossModel.make(x.shape, ending: loss.ending, isPair: loss.isPair)
        // A factor for each column: a cosine does not change with one for all.
        let columns = Shape(Array(x.shape.dimensions.dropFirst()))
        let ones = [Float](repeating: 1, count: columns.elementCount ?? 0)
        model.graph.initializers[0] = StoredTensor("w", .float32, columns, ones)
        // A recipe has no negative margin.
        let term = loss.isPair ? Loss.cosineEmbedding(margin: 0.1) : loss.loss
        let weights = try golden.numbers(loss.name + "/weight").map { Float($0) }
        var trained: [[Double]] = []
        for shares in [1, shares] {
            let run = try StepRun(model, recipe(term, shares: shares) { $0.train = ["w"] })
            let declared = try #require(run.graph.signature.target)
            var target = try golden[loss.name + "/target"]
            if declared.elementType != target.elementType { target = Tensor(.float32, target.shape, target.numbers.map { Float($0) }) }
            let value = try run.step(["x": x], target: target, weights: weights, rate: 0.5)
            let wanted = try golden.numbers(loss.name + "/loss")[0]
            #expect(loss.isPair || abs(value - wanted) < 1e-5 * max(1, abs(wanted)), "\(shares) shares: \(value), PyTorch has \(wanted)")
            trained.append(try run.session.value("w").numbers)
        }
        #expect(distance(trained[0], ones.map(Double.init)) > 1e-3, "nothing was learnt")
        #expect(distance(trained[0], trained[1]) < 1e-5 * length(trained[0]), "\(trained)")
    }

    /// There are as many parts as sums that are needed one after the other: two for each BatchNormalization, forward and backward.
    @Test func aShareIsCutWhereItNeedsSums() throws {
        let model = try Golden.model("cnn")
        let whole = try StepGraph(model, recipe(.crossEntropy(), shares: 2))
        #expect(whole.shares?.phases.count == 1)
        #expect(whole.shares?.phases[0].kept == [])
        let trained = try StepGraph(model, recipe(.crossEntropy(), shares: 2) { $0.batchNormalization = .train })
        let phases = try #require(trained.shares?.phases)
        #expect(phases.count == 3 * 4 + 1, "\(phases.count)")
        #expect(phases.allSatisfy { !$0.sums.isEmpty })
        // What nobody reads any more is not kept.
        #expect(phases.last?.kept == [])
        #expect(try StepGraph(model, recipe(.crossEntropy(), shares: 1)).shares == nil)
    }

    @Test func aLossOfAWholeBatchIsRefused() throws {
        var model = LossModel.make([3, 4])
        model.graph.nodes.append(Node("ReduceSum", ["y"], ["total"], [Attribute("keepdims", .int(0))]))
        model.graph.outputs.append(Value("total", .tensor(.float32, [])))
        let error = try #require(throws: AutodiffError.self) {
            try StepGraph(model, recipe(.output("total"), shares: 2) { $0.train = ["w"] })
        }
        #expect("\(error)".contains("shares") && "\(error)".contains("one number for a whole batch"), "\(error)")
    }
}
