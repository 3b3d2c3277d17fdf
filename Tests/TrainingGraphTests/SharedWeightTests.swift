import Autodiff
import ConformanceSupport
import Engine
import ONNX
import Passes
import Recipes
import Tensors
import Testing

@testable import TrainingGraph

/// A weight that the exporter wrote once for each layer that shares it stays one weight.
@Suite struct SharedWeightTests {
    private static func random(_ shape: Shape, _ seed: UInt64) -> Tensor {
        Tensor(.float32, shape, SmallNet.random(shape.elementCount ?? 0, seed: seed).map { $0 * 0.3 })
    }

    /// `y = tanh(tanh(x w) w2) + b`, with `w2` a copy of `w`, or `w` itself.
    private static func model(isCopied: Bool, extent: Int = 9, biases: Bool = false) -> Model {
        let w = random([extent, extent], 1)
        var initializers = [StoredTensor("w", w)]
        var nodes = [
            Node("MatMul", ["x", "w"], ["a"]), Node("Tanh", ["a"], ["b"]), Node("MatMul", ["b", isCopied ? "w2" : "w"], ["c"]),
            Node("Tanh", ["c"], ["y"]),
        ]
        if isCopied { initializers.append(StoredTensor("w2", w)) }
        if biases {
            let zeros = [Float](repeating: 0, count: 100)
            initializers += [StoredTensor("first", .float32, [100], zeros), StoredTensor("second", .float32, [100], zeros)]
            nodes[3].outputs = ["d"]
            nodes += [
                Node("Tile", ["d", "repeats"], ["e"]), Node("Add", ["e", "first"], ["f"]), Node("Mul", ["f", "f"], ["g"]),
                Node("Add", ["g", "second"], ["h"]),
                Node("ReduceSum", ["h", "axis"], ["y"], [Attribute("keepdims", .int(1))]),
            ]
            initializers += [StoredTensor("repeats", .int64, [2], [1, 10] as [Int64]), StoredTensor("axis", .int64, [1], [1] as [Int64])]
        }
        let graph = Graph(
            name: "shared", nodes: nodes, inputs: [Value("x", .tensor(.float32, [.symbolic("N"), .fixed(extent)]))],
            outputs: [Value("y", .tensor(.float32, [.symbolic("N"), .fixed(biases ? 1 : extent)]))], initializers: initializers)
        return Model(irVersion: 8, operatorSets: [OperatorSet(domain: "", version: 17)], graph: graph)
    }

    private static func trained(
        _ model: Model, _ change: (inout GradientDescent) -> Void = { _ in }
    ) throws -> (model: Model, graph: StepGraph) {
        var recipe = GradientDescent(loss: .meanSquaredError, optimizer: .adamw(), learningRate: 1e-3, weightDecay: 0.1)
        change(&recipe)
        let run = try StepRun(model, recipe)
        for number in 0..<5 { _ = try run.step(["x": random([4, 9], 2)], target: random([4, 9], 3), rate: 0.05, number: number) }
        let values = try Dictionary(uniqueKeysWithValues: run.graph.parameters.map { ($0.name, try run.session.value($0.name)) })
        return (try run.graph.model(model, with: values), run.graph)
    }

    private static func value(_ name: String, _ model: Model) throws -> [Double] {
        try #require(model.graph.initializer(name)).tensor().numbers
    }

    @Test func copiesTrainAsTheOneWeightThatTheyAre() throws {
        let (one, _) = try Self.trained(Self.model(isCopied: false)), (two, graph) = try Self.trained(Self.model(isCopied: true))
        #expect(try Self.value("w", two) == Self.value("w", one))
        #expect(try Self.value("w2", two) == Self.value("w", one))
        #expect(graph.parameters.map(\.name) == ["w"] && graph.trainedNames == ["w", "w2"])
        let survey = try ParameterSurvey(Self.model(isCopied: true))
        #expect(survey.parameters.map(\.sharedWith) == [["w2"], ["w"]] && survey.parameters.allSatisfy { $0.reason == nil })
    }

    @Test func untieKeepsThemApart() throws {
        let (model, graph) = try Self.trained(Self.model(isCopied: true)) { $0.untie = ["w2"] }
        #expect(graph.parameters.map(\.name) == ["w", "w2"])
        #expect(try Self.value("w", model) != Self.value("w2", model))
        let error = try #require(throws: AutodiffError.self) { try Self.trained(Self.model(isCopied: true)) { $0.untie = ["v*"] } }
        #expect("\(error)".contains("untie: no shared weight has a name like \"v*\"; shared are w, w2"))
        let none = try #require(throws: AutodiffError.self) { try Self.trained(Self.model(isCopied: false)) { $0.untie = ["w"] } }
        #expect("\(none)".contains("no weight is stored more than once"))
    }

    @Test func aPatternThatMeetsOneOfThemMeetsTheWeight() throws {
        let error = try #require(throws: AutodiffError.self) { try Self.trained(Self.model(isCopied: true)) { $0.freeze = ["w2"] } }
        #expect("\(error)".contains("'w': frozen by name, as the weight that 'w2' is a copy of"), "\(error)")
        let (decayed, _) = try Self.trained(Self.model(isCopied: true)),
            (kept, _) = try Self.trained(Self.model(isCopied: true)) { $0.noDecay = ["w2"] }
        let (plain, _) = try Self.trained(Self.model(isCopied: false)) { $0.noDecay = ["w"] }
        #expect(try Self.value("w", kept) == Self.value("w", plain) && Self.value("w", kept) != Self.value("w", decayed))
    }

    /// Equal biases of zeros, and small tensors, have nothing to do with each other.
    @Test func whatIsEqualByChanceIsNotShared() throws {
        #expect(try SharedWeights(Self.model(isCopied: true, extent: 8)).isEmpty)
        let names = try SharedWeights(Self.model(isCopied: true, extent: 10, biases: true)).others.keys.sorted()
        #expect(names == ["w", "w2"])
        var later = Self.model(isCopied: true)
        let w = try later.graph.initializers[0].tensor().numbers.map { Float($0) }
        later.graph.initializers[1] = StoredTensor("w2", .float32, [9, 9], w.dropLast() + [w[80] + 1])
        #expect(try SharedWeights(later).isEmpty, "the last of 81 elements differs")
        var given = Self.model(isCopied: true)
        given.graph.outputs.append(Value("w2", .tensor(.float32, [.fixed(9), .fixed(9)])))
        #expect(try SharedWeights(given).isEmpty, "an output stays what it is")
    }

    /// Running statistics move with the batches of their own layer, however equal they are at first.
    @Test func runningStatisticsAreNotShared() throws {
        let names = ["scale", "bias", "mean", "var"]
        let initializers = (1...2).flatMap { layer in
            names.enumerated().map { place, name in
                StoredTensor("\(name)\(layer)", .float32, [70], (0..<70).map { Float($0 + 1 + place) })
            }
        }
        let nodes = (1...2).map { layer in
            Node("BatchNormalization", [layer == 1 ? "x" : "y1"] + names.map { "\($0)\(layer)" }, ["y\(layer)"])
        }
        let type = ValueType.tensor(.float32, [.symbolic("N"), .fixed(70)])
        let graph = Graph(name: "g", nodes: nodes, inputs: [Value("x", type)], outputs: [Value("y2", type)], initializers: initializers)
        let shared = try SharedWeights(Model(irVersion: 8, operatorSets: [OperatorSet(domain: "", version: 17)], graph: graph)).others.keys
            .sorted()
        #expect(
            !shared.contains { $0.hasPrefix("mean") || $0.hasPrefix("var") } && shared.contains("scale1") && shared.contains("scale2"),
            "\(shared)")
    }
}
