import Autodiff
import Foundation
import ONNX
import Recipes
import Tensors
import TestSupport
import Testing
import TrainingGraph

@Suite struct ParameterRolesTests {
    /// `y = op(x [N, 4], c)` for an initializer `c`, and what it is taken for: nothing for a weight, or a word of the reason.
    struct Row: Sendable, CustomTestStringConvertible {
        let what: String
        let values: [Float]
        let shape: Shape
        var nodes = [Node("Add", ["x", "c"], ["y"])]
        let reason: String?
        var testDescription: String { what }
    }

    private static let mixed: [Float] = [0.3, -0.2, 0.5, 0.1]
    private static func table(_ other: Float) -> [Float] { (0..<16).map { $0 % 4 > $0 / 4 ? other : 0 } }
    private static func waves(_ row: (Double) -> [Double]) -> [Float] { (0..<3).flatMap { row(Double($0)) }.map { Float($0) } }
    private static let products = [Node("MatMul", ["x", "c"], ["y"])]

    static let rows: [Row] = [
        Row(what: "a bias", values: mixed, shape: [4], reason: nil),
        Row(what: "a bias of zeros", values: [0, 0, 0, 0], shape: [4], reason: nil),
        Row(what: "a bias of two values", values: [0, 0.5, 0, 0], shape: [4], reason: nil),
        Row(what: "a scale of ones", values: [1, 1, 1, 1], shape: [4], nodes: [Node("Mul", ["x", "c"], ["y"])], reason: nil),
        Row(what: "a single number", values: [0.5], shape: [], nodes: [Node("Mul", ["x", "c"], ["y"])], reason: "single number"),
        Row(what: "a single slope", values: [0.5], shape: [], nodes: [Node("PRelu", ["x", "c"], ["y"])], reason: nil),
        Row(what: "one number on an axis", values: [0.5], shape: [1], nodes: [Node("Mul", ["x", "c"], ["y"])], reason: "single number"),
        Row(
            what: "one number on three axes", values: [1], shape: [1, 1, 1],
            nodes: [Node("Tanh", ["x"], ["t"]), Node("Add", ["t", "c"], ["y"])], reason: "single number"),
        Row(
            what: "a bias of one output", values: [0.5], shape: [1],
            nodes: [Node("MatMul", ["x", "column"], ["t"]), Node("Add", ["t", "c"], ["y"])], reason: nil),
        Row(
            what: "a bias of one output in front, without an axis", values: [0.5], shape: [],
            nodes: [Node("Gemm", ["x", "column"], ["t"]), Node("Add", ["c", "t"], ["y"])], reason: nil),
        Row(
            what: "a bias of one output on more axes", values: [0.5], shape: [1],
            nodes: [Node("MatMul", ["x", "column"], ["t"]), Node("Unsqueeze", ["c", "zero"], ["u"]), Node("Add", ["t", "u"], ["y"])],
            reason: nil),
        Row(
            what: "one number that multiplies a product", values: [0.5], shape: [1],
            nodes: [Node("MatMul", ["x", "column"], ["t"]), Node("Mul", ["t", "c"], ["y"])], reason: "single number"),
        Row(
            what: "a matrix of one element", values: [0.5], shape: [1, 1],
            nodes: [Node("MatMul", ["x", "column"], ["t"]), Node("MatMul", ["t", "c"], ["y"])], reason: nil),
        Row(what: "a mask of minus infinities", values: table(-.infinity), shape: [4, 4], reason: "not finite"),
        Row(what: "a mask of large numbers", values: table(-3.4e38), shape: [4, 4], reason: "a mask"),
        Row(what: "a mask of hundreds", values: table(-100), shape: [1, 4, 4], reason: "a mask"),
        Row(what: "a mask of ones", values: table(1), shape: [4, 4], nodes: [Node("Mul", ["x", "c"], ["y"])], reason: "a mask"),
        Row(
            what: "a matrix that begins with an identity", values: (0..<16).map { $0 % 5 == 0 ? 1 : 0 }, shape: [4, 4], nodes: products,
            reason: nil),
        Row(
            what: "a transposed matrix of ones and zeros", values: table(1), shape: [4, 4],
            nodes: [Node("Transpose", ["c"], ["t"]), Node("MatMul", ["x", "t"], ["y"])], reason: nil),
        Row(what: "positions", values: [0, 1, 2, 3], shape: [4], reason: "counts"),
        Row(what: "positions in a column", values: [0, 1, 2, 3], shape: [4, 1], reason: "counts"),
        Row(what: "positions in rows", values: [0, 1, 2, 3, 0, 1, 2, 3], shape: [2, 4], reason: "counts"),
        Row(what: "whole numbers at random", values: [3, 1, 4, 1], shape: [4], reason: nil),
        Row(what: "two whole numbers", values: [0, 1], shape: [2], reason: nil),
        Row(
            what: "frequencies", values: mixed, shape: [4],
            nodes: [
                Node("Shape", ["x"], ["s"]), Node("Cast", ["s"], ["f"], [Attribute("to", .int(1))]), Node("Gather", ["f", "zero"], ["n"]),
                Node("Mul", ["n", "c"], ["angle"]), Node("Cos", ["angle"], ["w"]), Node("Mul", ["x", "w"], ["y"]),
            ], reason: "sines"),
        Row(
            what: "frequencies times positions", values: mixed, shape: [4, 1],
            nodes: [
                Node("MatMul", ["c", "one"], ["angle"]), Node("Sin", ["angle"], ["w"]), Node("MatMul", ["x", "w"], ["y"]),
            ], reason: "sines"),
        Row(
            what: "an interleaved table of sines", values: waves { [sin($0), cos($0), sin($0 / 10), cos($0 / 10)] }, shape: [1, 3, 4],
            reason: "sines"),
        Row(
            what: "a table of sines, then cosines", values: waves { [sin($0), sin($0 / 10), cos($0), cos($0 / 10)] }, shape: [3, 4],
            reason: "sines"),
        Row(
            what: "a table of sines, looked up", values: waves { [sin($0), cos($0), sin($0 / 10), cos($0 / 10)] }, shape: [3, 4],
            nodes: [Node("Gather", ["c", "zero"], ["p"]), Node("Add", ["x", "p"], ["y"])], reason: "sines"),
        Row(
            what: "a learned table, looked up", values: waves { [sin($0), cos($0), sin($0 / 10), 0.5] }, shape: [3, 4],
            nodes: [Node("Gather", ["c", "zero"], ["p"]), Node("Add", ["x", "p"], ["y"])], reason: nil),
        Row(what: "a learned table, added", values: waves { [sin($0), cos($0), sin($0 / 10), 0.5] }, shape: [3, 4], reason: nil),
        Row(what: "a mask that hides nothing", values: [Float](repeating: 0, count: 16), shape: [1, 4, 4], reason: "only 0"),
        Row(
            what: "a weight within a sine of data", values: mixed, shape: [4],
            nodes: [Node("Mul", ["x", "c"], ["angle"]), Node("Sin", ["angle"], ["y"])], reason: nil),
        Row(
            what: "an exponent of a weight", values: mixed, shape: [4],
            nodes: [Node("Exp", ["c"], ["e"]), Node("Mul", ["x", "e"], ["y"])],
            reason: nil),
    ]

    private static func model(_ row: Row) -> Model {
        let type = ValueType.tensor(.float32, [.symbolic("N"), .fixed(4)])
        let own = StoredTensor("c", .float32, row.shape, row.values)
        let graph = Graph(
            name: "roles", nodes: row.nodes, inputs: [Value("x", type)], outputs: [Value("y", nil)],
            initializers: [
                own, StoredTensor("zero", .int64, [1], [Int64(0)]), StoredTensor("one", .float32, [1, 1], [Float(1)]),
                StoredTensor("column", .float32, [4, 1], mixed),
            ])
        return Model(irVersion: 8, operatorSets: [OperatorSet(domain: "", version: 17)], graph: graph)
    }

    @Test(arguments: rows)
    func whatAnInitializerIsForIsSeenInTheGraph(row: Row) throws {
        let model = Self.model(row)
        let own = try #require(model.graph.initializers.first)
        let reason = ParameterRoles(model).constantReason(own)
        if let wanted = row.reason { #expect(reason?.contains(wanted) == true, "\(reason ?? "a weight")") } else { #expect(reason == nil) }
    }

    /// A rotation's cosines in one initializer and its sines in the other, wherever their elements lie.
    @Test(arguments: [false, true])
    func cosinesAndSinesOfTheSameAnglesAreTwoConstants(isExternal: Bool) throws {
        let type = ValueType.tensor(.float32, [.symbolic("N"), .fixed(4)])
        let angles = (0..<12).map { Double($0 / 4) / Double(1 + $0 % 4) }
        let graph = Graph(
            name: "rotation",
            nodes: [
                Node("Mul", ["x", "cosines"], ["a"]), Node("Mul", ["x", "sines"], ["b"]), Node("Add", ["a", "b"], ["c"]),
                Node("Add", ["c", "bias"], ["y"]),
            ],
            inputs: [Value("x", type)], outputs: [Value("y", nil)],
            initializers: [
                StoredTensor("cosines", .float32, [3, 4], angles.map { Float(cos($0)) }),
                StoredTensor("sines", .float32, [3, 4], angles.map { Float(sin($0)) }),
                StoredTensor("bias", .float32, [3, 4], angles.map { Float($0) + 0.1 }),
            ])
        var model = Model(irVersion: 8, operatorSets: [OperatorSet(domain: "", version: 17)], graph: graph)
        let directory = try TemporaryDirectory("roles")
        if isExternal {
            var options = Model.WritingOptions()
            options.embeddedBytesAtMost = 0
            options.externalTensorBytesAtLeast = 0
            _ = try model.write(to: directory("model.onnx"), options: options)
            model = try Model(serialized: Data(directory.read("model.onnx")))
            model.directory = directory.path
            let external = model.graph.initializers.count { $0.isExternal }
            #expect(external == 3)
        }
        let roles = ParameterRoles(model)
        let constants = model.graph.initializers.filter { roles.constantReason($0)?.contains("sines") == true }.map(\.name)
        #expect(constants == ["cosines", "sines"])
    }

    /// `y = (x + mask) * scale`, of which `scale` is a single number.
    private static func guessed() -> Model {
        let type = ValueType.tensor(.float32, [.symbolic("N"), .fixed(4)])
        let graph = Graph(
            name: "guessed",
            nodes: [Node("Add", ["x", "mask"], ["h"]), Node("Mul", ["h", "scale"], ["g"]), Node("Gemm", ["g", "w"], ["y"])],
            inputs: [Value("x", type)], outputs: [Value("y", .tensor(.float32, [.symbolic("N"), .fixed(1)]))],
            initializers: [
                StoredTensor("mask", .float32, [1, 4], [0, 1, 2, 3] as [Float]), StoredTensor("scale", .float32, [], [Float(2)]),
                StoredTensor("w", .float32, [4, 1], mixed),
            ])
        return Model(irVersion: 8, operatorSets: [OperatorSet(domain: "", version: 17)], graph: graph)
    }

    private static func trained(_ change: (inout GradientDescent) -> Void) throws -> (trained: Set<String>, reasons: [String: String]) {
        var recipe = GradientDescent(loss: .meanSquaredError, learningRate: 1e-3, weightDecay: 0)
        change(&recipe)
        let graph = try StepGraph(guessed(), recipe)
        return (
            Set(graph.parameters.map(\.name)),
            Dictionary(graph.untrained.map { ($0.name, $0.reason) }, uniquingKeysWith: { first, _ in first })
        )
    }

    @Test func trainAndFreezeHaveTheLastWord() throws {
        #expect(try Self.trained { _ in }.trained == ["w"])
        #expect(try Self.trained { $0.train = ["sc*"] }.trained == ["w", "scale"])
        #expect(try Self.trained { $0.train = ["*"] }.trained == ["w", "scale", "mask"])
        let both = try Self.trained {
            $0.train = ["*"]
            $0.freeze = ["mask"]
        }
        #expect(both.trained == ["w", "scale"] && both.reasons["mask"] == "frozen by name")
    }

    @Test(arguments: ["freeze", "train", "no_decay"])
    func aPatternThatNamesNothingIsRefused(key: String) throws {
        let error = #expect(throws: AutodiffError.self) {
            try Self.trained {
                switch key {
                case "freeze": $0.freeze = ["w", "conv1.*"]
                case "train": $0.train = ["conv1.*"]
                default: $0.noDecay = ["conv1.*"]
                }
            }
        }
        #expect("\(try #require(error))".contains("\(key): no initializer has a name like \"conv1.*\""))
    }

    /// Integer weights with a float bias: what is left in float is not trained alone.
    @Test(arguments: [false, true])
    func aQuantizedModelIsRefused(isDynamic: Bool) throws {
        let integers = StoredTensor("w", .int8, [4, 1], [1, 2, 3, 4] as [Int8])
        let nodes =
            isDynamic
            ? [
                Node("DynamicQuantizeLinear", ["x"], ["q", "s", "z"]), Node("MatMulInteger", ["q", "w", "z"], ["i"]),
                Node("Cast", ["i"], ["f"], [Attribute("to", .int(1))]), Node("Mul", ["f", "s"], ["h"]), Node("Add", ["h", "b"], ["y"]),
            ] : [Node("DequantizeLinear", ["w", "scale"], ["f"]), Node("MatMul", ["x", "f"], ["h"]), Node("Add", ["h", "b"], ["y"])]
        let graph = Graph(
            name: "quantized", nodes: nodes, inputs: [Value("x", .tensor(.float32, [.symbolic("N"), .fixed(4)]))],
            outputs: [Value("y", .tensor(.float32, [.symbolic("N"), .fixed(1)]))],
            initializers: [integers, StoredTensor("b", .float32, [1], [Float(0.5)]), StoredTensor("scale", .float32, [], [Float(0.1)])])
        let model = Model(irVersion: 8, operatorSets: [OperatorSet(domain: "", version: 17)], graph: graph)
        let error = #expect(throws: AutodiffError.self) {
            try StepGraph(model, GradientDescent(loss: .meanSquaredError, learningRate: 1e-3, weightDecay: 0))
        }
        #expect("\(try #require(error))".contains("a quantized model: train the float model"))
    }
}
