import Autodiff
import ConformanceSupport
import Engine
import ONNX
import Recipes
import Tensors
import Testing

@testable import TrainingGraph

/// Adapters that stand beside a model instead of being merged into it.
@Suite struct LowRankAdapterTests {
    private static func recipe(rank: Int = 2, targets: [String] = ["hidden.*"], scale: Double = 4) -> GradientDescent {
        GradientDescent(loss: .crossEntropy(), optimizer: .adamw(), learningRate: 1e-3, weightDecay: 0) {
            $0.adapters = .init(rank: rank, targets: targets, scale: scale)
            $0.seed = 5
        }
    }

    private static func parameters(_ run: StepRun) throws -> [String: Tensor] {
        try Dictionary(uniqueKeysWithValues: run.graph.parameters.map { ($0.name, try run.session.value($0.name)) })
    }

    private static func trained(_ model: Model, _ recipe: GradientDescent) throws -> (run: StepRun, adapter: LowRankAdapter) {
        let run = try StepRun(model, recipe)
        for number in 0..<10 { try run.step(number, rate: 0.05) }
        return (run, try #require(try run.graph.adapter(with: parameters(run))))
    }

    @Test(arguments: ["MatMul", "Gemm"])
    func mergedLaterItIsTheModelThatWasMergedAtOnce(product: String) throws {
        let model = SmallNet.make(product: product)
        let (run, adapter) = try Self.trained(model, Self.recipe())
        try #require(adapter.factors.map(\.weight) == ["hidden.weight"])
        #expect(adapter.factors[0].scale == 2)
        #expect(try adapter.merged(into: model) == run.graph.model(model, with: Self.parameters(run)))
    }

    /// `W + scale A B` written out, for a weight as it is and one that is stored transposed.
    @Test(arguments: [false, true])
    func theProductIsAddedInTheLayoutOfTheWeight(isTransposed: Bool) throws {
        let factors = LowRankAdapter.Factors(
            weight: "w", down: Tensor(.float32, [2, 1], [1, 10] as [Float]), up: Tensor(.float32, [1, 3], [1, 2, 3] as [Float]), scale: 2,
            isTransposed: isTransposed)
        let weight = Tensor(.float32, isTransposed ? [3, 2] : [2, 3], [Float](repeating: 1, count: 6))
        let expected: [Double] = isTransposed ? [3, 21, 5, 41, 7, 61] : [3, 5, 7, 21, 41, 61]
        #expect(try factors.merged(into: weight).numbers == expected)
        let misfit = try #require(throws: AutodiffError.self) {
            try factors.merged(into: Tensor(.float32, [6, 1], [Float](repeating: 1, count: 6)))
        }
        #expect("\(misfit)".contains("its product is [2, 3]"), "\(misfit)")
    }

    @Test func trainingGoesOnFromIt() throws {
        let model = SmallNet.make()
        let (run, adapter) = try Self.trained(model, Self.recipe())
        let after = try run.evaluate(SmallNet.batch, target: SmallNet.target).loss
        let next = try StepRun(model, Self.recipe(), adapter: adapter)
        #expect(try next.evaluate(SmallNet.batch, target: SmallNet.target).loss == after)
        for number in 0..<10 { try next.step(number, rate: 0.05) }
        #expect(try next.evaluate(SmallNet.batch, target: SmallNet.target).loss < after)
        // The factors alone moved on: the model beside them is the same.
        #expect(try #require(try next.graph.adapter(with: Self.parameters(next))).factors.map(\.up.shape) == [[2, 16]])
    }

    /// Each row: what the next recipe asks for, and whether it goes on from factors of rank 2 on `hidden.weight`.
    @Test(arguments: [
        (2, ["hidden.*"], 4.0, true), (2, ["*"], 4.0, true), (3, ["hidden.*"], 4.0, false), (2, ["out.*"], 4.0, false),
        (2, ["hidden.*"], 2.0, false),
    ])
    func whatARecipeDoesNotGoOnFromIsToBeMerged(rank: Int, targets: [String], scale: Double, goesOn: Bool) throws {
        let model = SmallNet.make()
        let (run, adapter) = try Self.trained(model, Self.recipe())
        let after = try run.evaluate(SmallNet.batch, target: SmallNet.target).loss
        let recipe = Self.recipe(rank: rank, targets: targets, scale: scale)
        let parts = try adapter.divided(by: recipe.adapters, in: model)
        #expect(parts.continued.factors.count == (goesOn ? 1 : 0) && parts.rest.factors.count == (goesOn ? 0 : 1))
        let next = try StepRun(parts.rest.merged(into: model), recipe, adapter: parts.continued)
        #expect(abs(try next.evaluate(SmallNet.batch, target: SmallNet.target).loss - after) < 1e-6)
        if !goesOn { #expect(throws: AutodiffError.self) { try StepGraph(model, recipe, adapter: adapter) } }
    }

    @Test func aRecipeWithoutAdaptersRefusesOneByName() throws {
        let model = SmallNet.make()
        let (_, adapter) = try Self.trained(model, Self.recipe())
        var recipe = Self.recipe()
        recipe.adapters = nil
        let error = try #require(throws: AutodiffError.self) { try StepGraph(model, recipe, adapter: adapter) }
        #expect("\(error)".contains("an adapter of 'hidden.weight'"), "\(error)")
        #expect(throws: Never.self) { try StepGraph(model, recipe, adapter: LowRankAdapter([])) }
    }

    @Test func anotherModelsAdapterIsRefusedByName() throws {
        let (_, adapter) = try Self.trained(SmallNet.make(), Self.recipe())
        var other = SmallNet.make()
        other.graph.initializers.removeAll { $0.name == "hidden.weight" }
        let error = try #require(throws: AutodiffError.self) { try adapter.merged(into: other) }
        #expect("\(error)".contains("no weight 'hidden.weight'"), "\(error)")
    }
}
