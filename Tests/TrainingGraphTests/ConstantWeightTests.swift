import Autodiff
import ConformanceSupport
import Engine
import ONNX
import Passes
import Recipes
import Tensors
import Testing

@testable import TrainingGraph

/// Weights in Constant nodes and in branches of If train exactly as initializers do, and are written back where they were.
@Suite struct ConstantWeightTests {
    private static let names = ["hidden.weight", "hidden.bias", "out.weight", "out.bias"]

    /// `model` with every float initializer in a Constant node in front; biases as lists of numbers.
    private static func withConstants(_ model: Model) throws -> Model {
        var model = model
        var nodes: [Node] = []
        for tensor in model.graph.initializers where tensor.elementType == .float32 {
            let value: Attribute
            if tensor.name.hasSuffix("bias") {
                value = Attribute("value_floats", .floats(try #require(try tensor.tensor().values(as: Float.self))))
            } else {
                value = Attribute("value", .tensor(tensor))
            }
            nodes.append(Node("Constant", [], [tensor.name], [value]))
        }
        model.graph.initializers.removeAll { $0.elementType == .float32 }
        model.graph.nodes = nodes + model.graph.nodes
        return model
    }

    private static func trained(_ model: Model, _ recipe: GradientDescent) throws -> (graph: StepGraph, values: [String: Tensor]) {
        let run = try StepRun(model, recipe)
        for number in 0..<5 { _ = try run.step(number, rate: 0.05) }
        return (run.graph, try Dictionary(uniqueKeysWithValues: run.graph.parameters.map { ($0.name, try run.session.value($0.name)) }))
    }

    @Test(arguments: [[], ["out.*"]])
    func theyTrainAsInitializersDo(frozen: [String]) throws {
        let plain = SmallNet.make(), constants = try Self.withConstants(plain)
        let recipe = GradientDescent(loss: .crossEntropy(), optimizer: .adamw(), learningRate: 1e-3, weightDecay: 0.1) {
            $0.noDecay = ["*.bias"]
            $0.freeze = frozen
            $0.seed = 5
        }
        let (wantedGraph, wanted) = try Self.trained(plain, recipe), (graph, values) = try Self.trained(constants, recipe)
        #expect(graph.parameters.map(\.name) == wantedGraph.parameters.map(\.name))
        #expect(graph.untrained == wantedGraph.untrained)
        let after = try graph.model(constants, with: values)
        // The model that was trained as initializers, then given Constant nodes, is the same model.
        let expected = try wantedGraph.model(plain, with: wanted)
        #expect(
            try ParameterHomes(after).homes.map { try ParameterHomes.value(at: $0, in: after).numbers }
                == ParameterHomes(expected).homes.map { try ParameterHomes.value(at: $0, in: expected).numbers })
        #expect(after != constants && after.graph.nodes.map(\.outputs) == constants.graph.nodes.map(\.outputs))
        // Nothing but these attributes differs.
        var restored = after
        for index in constants.graph.nodes.indices where constants.graph.nodes[index].operatorType == "Constant" {
            restored.graph.nodes[index] = constants.graph.nodes[index]
        }
        #expect(restored == constants)
    }

    @Test func adaptersStandBesideConstantsAndAreMergedIntoThem() throws {
        let plain = SmallNet.make(product: "MatMul"), constants = try Self.withConstants(plain)
        let recipe = GradientDescent(loss: .crossEntropy(), optimizer: .adamw(), learningRate: 1e-3, weightDecay: 0) {
            $0.adapters = .init(rank: 2, targets: ["hidden.weight"])
            $0.seed = 5
        }
        let (graph, values) = try Self.trained(constants, recipe), (wantedGraph, wanted) = try Self.trained(plain, recipe)
        let merged = try graph.model(constants, with: values)
        let adapter = try #require(try graph.adapter(with: values))
        #expect(try adapter.merged(into: constants) == merged && merged != constants)
        let expected = try wantedGraph.model(plain, with: wanted)
        #expect(try merged.initialValue("hidden.weight").numbers == expected.initialValue("hidden.weight").numbers)
    }

    /// `x [N, 3]` through one of two layers that lie in the branches, of which the initializers and Constants have the same names in both.
    @Test func weightsInsideOfAnIfAreTrained() throws {
        func branch(_ name: String, _ seed: UInt64) -> Graph {
            let weight = Tensor(.float32, [3, 2], SmallNet.random(6, seed: seed))
            return Graph(
                name: name,
                nodes: [
                    Node("Constant", [], ["w"], [Attribute("value", .tensor(StoredTensor("w", weight)))]),
                    Node("MatMul", ["x", "w"], ["t" + name]),
                    Node("Add", ["t" + name, "b"], ["r" + name]),
                ], outputs: [Value("r" + name, .tensor(.float32, nil))],
                initializers: [StoredTensor("b", .float32, [2], [0.1, -0.1] as [Float])])
        }
        let choice = Node(
            "If", ["positive"], ["y"], name: "choice",
            [
                Attribute("then_branch", .graph(branch("first", 1))), Attribute("else_branch", .graph(branch("second", 2))),
            ])
        let graph = Graph(
            name: "branches",
            nodes: [
                Node("ReduceSum", ["x"], ["sum"], [Attribute("keepdims", .int(0))]), Node("Greater", ["sum", "zero"], ["positive"]), choice,
            ], inputs: [Value("x", .tensor(.float32, [.symbolic("N"), .fixed(3)]))],
            outputs: [Value("y", .tensor(.float32, [.symbolic("N"), .fixed(2)]))],
            initializers: [StoredTensor("zero", .float32, [], [Float(0)])])
        let model = Model(irVersion: 8, operatorSets: [OperatorSet(domain: "", version: 17)], graph: graph)
        let run = try StepRun(model, GradientDescent(loss: .meanSquaredError, optimizer: .sgd(), learningRate: 1e-3, weightDecay: 0))
        let names = run.graph.parameters.map(\.name)
        #expect(names == ["choice/then_branch/b", "choice/then_branch/w", "choice/else_branch/b", "choice/else_branch/w"])
        let x = Tensor(.float32, [4, 3], SmallNet.random(12, seed: 3).map(abs)),
            target = Tensor(.float32, [4, 2], [Float](repeating: 1, count: 8))
        let losses = try (0..<20).map { try run.step(["x": x], target: target, rate: 0.1, number: $0) }
        #expect(losses[19] < losses[0] / 2, "\(losses)")
        let values = try Dictionary(uniqueKeysWithValues: run.graph.parameters.map { ($0.name, try run.session.value($0.name)) })
        let tuned = try run.graph.model(model, with: values)
        // Only the branch that was taken has learned.
        #expect(tuned.graph.nodes[2].subgraphs[1] == model.graph.nodes[2].subgraphs[1])
        #expect(tuned.graph.nodes[2].subgraphs[0] != model.graph.nodes[2].subgraphs[0])
        let first = tuned.graph.nodes[2].subgraphs[0]
        #expect(try first.initializers[0].tensor().numbers == values["choice/then_branch/b"]?.numbers)
        #expect(try first.nodes[0].constantTensor?.tensor().numbers == values["choice/then_branch/w"]?.numbers)
    }

    /// `gradients` and `optimize` refuse with the same words, and no list in a message is empty.
    @Test(arguments: [
        "integer weights", "integers in a Constant", "a fused operator", "no weights", "a support vector machine", "only a loop", "sparse",
    ])
    func whatCannotBeTrainedIsSaidTheSameEverywhere(_ what: String) throws {
        let integers = StoredTensor("w", .int8, [4, 1], [1, 2, 3, 4] as [Int8])
        var nodes: [Node],
            initializers: [StoredTensor] = [
                StoredTensor("scale", .float32, [], [Float(0.1)]), StoredTensor("b", .float32, [1], [Float(0.5)]),
            ]
        var sets = [OperatorSet(domain: "", version: 17)]
        let wanted: String
        switch what {
        case "integer weights":
            nodes = [Node("DequantizeLinear", ["w", "scale"], ["f"]), Node("MatMul", ["x", "f"], ["h"]), Node("Add", ["h", "b"], ["y"])]
            initializers.append(integers)
            wanted = "a quantized model"
        case "integers in a Constant":
            nodes = [
                Node("Constant", [], ["w"], [Attribute("value", .tensor(integers))]), Node("DequantizeLinear", ["w", "scale"], ["f"]),
                Node("MatMul", ["x", "f"], ["h"]), Node("Add", ["h", "b"], ["y"]),
            ]
            wanted = "a quantized model"
        case "a fused operator":
            nodes = [Node("DynamicQuantizeMatMul", ["x", "w", "scale"], ["h"], domain: "com.microsoft"), Node("Add", ["h", "b"], ["y"])]
            initializers.append(integers)
            sets.append(OperatorSet(domain: "com.microsoft", version: 1))
            wanted = "a quantized model"
        case "no weights":
            (nodes, initializers) = ([Node("Sigmoid", ["x"], ["y"])], [])
            wanted = "the model has no weights"
        case "a support vector machine":
            (nodes, initializers) = (
                [Node("SVMRegressor", ["x"], ["y"], domain: "ai.onnx.ml", [Attribute("coefficients", .floats([1]))])], []
            )
            sets.append(OperatorSet(domain: "ai.onnx.ml", version: 1))
            wanted = "ai.onnx.ml.SVMRegressor scores, and is not trained"
        case "only a loop":
            let body = Graph(
                name: "body",
                nodes: [
                    Node("Constant", [], ["inner"], [Attribute("value_floats", .floats([1, 2, 3, 4]))]),
                    Node("Add", ["state", "inner"], ["next"]),
                    Node("Identity", ["go"], ["goes"]),
                ],
                inputs: [
                    Value("i", .tensor(.int64, [] as Shape)), Value("go", .tensor(.bool, [] as Shape)),
                    Value("state", .tensor(.float32, nil)),
                ],
                outputs: [Value("goes", .tensor(.bool, [] as Shape)), Value("next", .tensor(.float32, nil))])
            nodes = [Node("Loop", ["times", "", "x"], ["y"], [Attribute("body", .graph(body))])]
            initializers = [StoredTensor("times", .int64, [], [Int64(2)])]
            wanted = "'inner': it lies inside of Loop"
        default:
            let sparse = SparseTensor(
                values: StoredTensor("", .float32, [2], [1, 2] as [Float]), indices: StoredTensor("", .int64, [2], [0, 3] as [Int64]),
                shape: [4, 1])
            nodes = [Node("Constant", [], ["s"], [Attribute("sparse_value", .sparseTensor(sparse))]), Node("MatMul", ["x", "s"], ["y"])]
            initializers = []
            wanted = "'s': its Constant node has a sparse_value"
        }
        let graph = Graph(
            name: "g", nodes: nodes, inputs: [Value("x", .tensor(.float32, [.symbolic("N"), .fixed(4)]))],
            outputs: [
                Value("y", .tensor(.float32, [.symbolic("N"), what == "no weights" || what == "only a loop" ? .fixed(4) : .fixed(1)]))
            ],
            initializers: initializers)
        let model = Model(irVersion: 8, operatorSets: sets, graph: graph)
        let optimize = try #require(throws: AutodiffError.self) {
            try StepGraph(model, GradientDescent(loss: .meanSquaredError, learningRate: 1e-3, weightDecay: 0))
        }
        let gradients = try #require(throws: AutodiffError.self) { _ = try ParameterSurvey(model) }
        #expect("\(optimize)" == "\(gradients)")
        #expect("\(gradients)".contains(wanted), "\(gradients)")
        for text in ["\(optimize)", "\(gradients)"] { #expect(!text.contains(" :") && !text.hasSuffix(": "), "\(text)") }
    }

    @Test(arguments: [GradientDescent.BatchNormalization.affine, .train])
    func aBatchNormalizationThatWasFusedIsSaidToBeGone(_ asked: GradientDescent.BatchNormalization) throws {
        let recipe = GradientDescent(loss: .crossEntropy(), learningRate: 1e-3, weightDecay: 0) { $0.batchNormalization = asked }
        let error = try #require(throws: AutodiffError.self) { try StepGraph(SmallNet.make(), recipe) }
        #expect(
            "\(error)".contains("batch_normalization: it is \(asked.rawValue), but the model has no BatchNormalization")
                && "\(error)".contains("fuse"))
    }
}
