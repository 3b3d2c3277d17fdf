import Columnar
import Foundation
import ONNX
import Recipes
import Synchronization
import Tensors
import TestSupport
import Testing
import TrainingGraph

@testable import Training

/// Adapters as an outcome of their own, and as a file.
@Suite struct AdapterTests {
    private static func recipe(rank: Int = 2, targets: [String] = ["w*"]) -> GradientDescent {
        GradientDescent(loss: .crossEntropy(), optimizer: .adamw(), learningRate: 0.02, weightDecay: 0) {
            $0.adapters = .init(rank: rank, targets: targets)
            $0.epochs = 4
            $0.batchSize = 16
            $0.validation = 0.25
            $0.seed = 3
        }
    }

    private func tuning(
        _ directory: TemporaryDirectory, _ folder: String, model: Model = Models.perceptron(), adapter: LowRankAdapter? = nil,
        merges: Bool = false,
        recipe: GradientDescent = recipe()
    ) throws -> FineTuning {
        try directory.write(Models.rows(200), to: "rows.csv")
        try FileManager.default.createDirectory(atPath: directory(folder), withIntermediateDirectories: true)
        var recipe = recipe
        recipe.adapters?.merge = merges
        return FineTuning(
            model: model, adapter: adapter,
            data: LabelledData(files: [.init(directory("rows.csv"))], label: .list(["label"]), key: ["id"], keep: ["label"]),
            recipe: recipe,
            gate: Gate(metric: .loss, rowsAtLeast: 1), folder: try heldFolder(directory(folder)))
    }

    @Test(arguments: [false, true])
    func besideTheModelOrMergedItIsTheSameOutcome(half: Bool) throws {
        let directory = try TemporaryDirectory("adapters")
        // Weights in float16 reach their products through a Cast: there is nothing to stand beside in the stored type.
        let model = half ? try Self.storedInHalf() : Models.perceptron()
        let beside = try tuning(directory, "a", model: model).run(), merged = try tuning(directory, "b", model: model, merges: true).run()
        #expect(beside.isModelAsGiven && !merged.isModelAsGiven)
        #expect(beside.model == model)
        #expect(merged.adapter == nil)
        let adapter = try #require(beside.adapter)
        #expect(adapter.factors.map(\.weight) == ["w1", "w2"])
        #expect(try adapter.merged(into: beside.model) == merged.model)
        #expect(beside.after == merged.after && beside.bestEpoch > 0)
    }

    /// All of it in float16, as exports for accelerators are.
    private static func storedInHalf() throws -> Model {
        var model = Models.perceptron()
        for position in model.graph.initializers.indices {
            let stored = model.graph.initializers[position]
            model.graph.initializers[position] = StoredTensor(
                stored.name, .float16, stored.shape,
                try #require(stored.tensor(externalData: nil).values(as: Float.self)).map { Float16($0) })
        }
        model.graph.inputs = model.graph.inputs.map { Value($0.name, .tensor(.float16, [.symbolic("N"), .fixed(2)])) }
        model.graph.outputs = model.graph.outputs.map { Value($0.name, .tensor(.float16, [.symbolic("N"), .fixed(3)])) }
        return model
    }

    @Test func theNextTrainingGoesOnFromBoth() throws {
        let directory = try TemporaryDirectory("adapters")
        let first = try tuning(directory, "a").run()
        let adapter = try #require(first.adapter), after = try #require(first.after[.loss])
        let next = try tuning(directory, "b", adapter: adapter).run()
        #expect(next.isModelAsGiven && next.adapter?.factors.map(\.down.shape) == adapter.factors.map(\.down.shape))
        #expect(abs(try #require(next.before[.loss]) - after) < 1e-6)
        #expect(try #require(next.after[.loss]) < after)
        // Of another rank, and without adapters: what was there becomes part of the model.
        let wider = try tuning(directory, "c", adapter: adapter, recipe: Self.recipe(rank: 1, targets: ["w1"])).run()
        #expect(!wider.isModelAsGiven && wider.adapter?.factors.map(\.weight) == ["w1"])
        #expect(try wider.model == adapter.merged(into: Models.perceptron()))
        #expect(abs(try #require(wider.before[.loss]) - after) < 1e-6)
        var plain = Self.recipe()
        plain.adapters = nil
        let whole = try tuning(directory, "d", adapter: adapter, recipe: plain).run()
        #expect(whole.adapter == nil && !whole.isModelAsGiven)
        #expect(abs(try #require(whole.before[.loss]) - after) < 1e-6)
    }

    @Test func takenBackAndTakenUpAgainItIsTheSameAdapter() throws {
        let directory = try TemporaryDirectory("adapters")
        let calm = try #require(try tuning(directory, "calm").run().adapter)
        let run = try tuning(directory, "run")
        let asked = Mutex(0)
        #expect(throws: TrainingError.cancelled) {
            _ = try run.run(
                TrainingControl(isCancelled: {
                    asked.withLock {
                        $0 += 1; return $0 > 25
                    }
                }))
        }
        let outcome = try run.run()
        #expect(outcome.resumedAt > 0)
        let again = try #require(outcome.adapter)
        for (a, b) in zip(calm.factors, again.factors) {
            #expect(
                a.up.values(as: Float.self) == b.up.values(as: Float.self) && a.down.values(as: Float.self) == b.down.values(as: Float.self)
            )
        }
    }

    @Test func aFileOfItGivesItBack() throws {
        let directory = try TemporaryDirectory("adapters")
        let adapter = try #require(try tuning(directory, "a").run().adapter)
        let file = AdapterFile(adapter, base: "feed", facts: ["millrace.pipeline": "p"])
        try file.write(to: directory("one.safetensors"))
        try file.write(to: directory("two.safetensors"))
        #expect(try directory.read("one.safetensors") == directory.read("two.safetensors"))
        let read = try AdapterFile(reading: directory("one.safetensors"))
        #expect(read.base == "feed" && read.facts == ["millrace.pipeline": "p"])
        try #require(read.adapter.factors.map(\.weight) == adapter.factors.map(\.weight))
        #expect(try read.adapter.merged(into: Models.perceptron()) == adapter.merged(into: Models.perceptron()))
        try Safetensors.write([("w1/down", adapter.factors[0].down)], to: directory("plain.safetensors"))
        let error = try #require(throws: TrainingError.self) { try AdapterFile(reading: directory("plain.safetensors")) }
        #expect("\(error)".contains("no adapter of ours"), "\(error)")
    }
}
