import Foundation
import ONNX
import Recipes
import Synchronization
import Tensors
import TestSupport
import Testing

@testable import Training

/// Batches that are cut into shares, on one machine.
@Suite struct SharesTests {
    private func recipe(_ shares: Int, _ change: (inout GradientDescent) -> Void = { _ in }) -> GradientDescent {
        var recipe = GradientDescent.crossEntropy
        recipe.shares = shares
        change(&recipe)
        return recipe
    }

    private func weights(_ model: Model) throws -> [Float] {
        try model.graph.initializers.flatMap { try $0.tensor().floats }
    }

    /// 90 rows to learn from and a batch of 16: the last one has fewer rows, and 12 shares of it have none or one. Rows and classes have
    /// weights, and the gradient of all shares together is clipped.
    @Test(arguments: [2, 4, 12])
    func sharesLeadWhereWholeBatchesDo(shares: Int) throws {
        let directory = try TemporaryDirectory("shares")
        func run(_ shares: Int) throws -> FineTuning.Outcome {
            let recipe = recipe(shares) {
                $0.loss = .crossEntropy(labelSmoothing: 0.05, classWeights: [1, 4, 0.5])
                $0.clipNorm = 0.1
                $0.average = 0.9
            }
            return try tuning(directory, recipe: recipe, folder: "run-\(shares)") { $0.recipe.seed = 4 }.run()
        }
        let whole = try run(1), cut = try run(shares)
        let expected = try weights(whole.model), found = try weights(cut.model)
        let difference = zip(expected, found).map { abs($0 - $1) }.max() ?? .infinity
        #expect(difference < 1e-4, "\(difference)")
        #expect(try whole.model.serialized() != cut.model.serialized(), "the batches were not cut")
        for (one, other) in zip(whole.history, cut.history) {
            if let loss = one.trainingLoss { #expect(abs(loss - (other.trainingLoss ?? .nan)) < 1e-5) }
        }
        #expect(whole.steps == cut.steps)
    }

    @Test func theNumberOfSharesAloneDecidesTheBytes() throws {
        let directory = try TemporaryDirectory("shares")
        func bytes(_ shares: Int, _ folder: String) throws -> Data {
            try tuning(directory, recipe: recipe(shares), folder: folder).run().model.serialized()
        }
        let first = try bytes(3, "a")
        #expect(try bytes(3, "b") == first)
        #expect(try bytes(4, "c") != first)
        // A run that says nothing of shares is one of whole batches.
        #expect(try bytes(1, "d") == tuning(directory, folder: "e").run().model.serialized())
    }

    @Test func takenBackAndTakenUpAgainItGivesTheSameBytes() throws {
        let directory = try TemporaryDirectory("shares")
        let cut = recipe(3) { $0.accumulate = 2 }
        let expected = try tuning(directory, recipe: cut, folder: "whole").run().model.serialized()
        for stop in [5, 8, 12] {
            let asked = Mutex(0)
            let run = try tuning(directory, recipe: cut, folder: "stop-\(stop)")
            #expect(throws: TrainingError.cancelled) {
                try run.run(
                    TrainingControl(isCancelled: {
                        asked.withLock {
                            $0 += 1; return $0 > stop
                        }
                    }))
            }
            #expect(try run.run().model.serialized() == expected)
        }
    }

    @Test func rowsAreCutEvenly() {
        #expect(SharedBatches.rows(of: 16, 4) == [0..<4, 4..<8, 8..<12, 12..<16])
        #expect(SharedBatches.rows(of: 6, 4) == [0..<2, 2..<4, 4..<5, 5..<6])
        #expect(SharedBatches.rows(of: 2, 4) == [0..<1, 1..<2, 2..<2, 2..<2])
    }

    @Test func whatCannotBeCutIsRefused() throws {
        let directory = try TemporaryDirectory("shares")
        let fixed = try #require(throws: TrainingError.self) {
            try tuning(directory, model: Models.perceptron(batch: .fixed(16)), recipe: recipe(4)).run()
        }
        #expect("\(fixed)".contains("batches of 16 rows only, which cannot be cut into 4 shares"), "\(fixed)")
        let many = try #require(throws: TrainingError.self) { try tuning(directory, recipe: recipe(17)).run() }
        #expect("\(many)".contains("a batch has 16 rows"), "\(many)")
    }
}
