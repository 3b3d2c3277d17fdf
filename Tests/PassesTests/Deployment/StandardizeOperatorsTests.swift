import ConformanceSupport
import Foundation
import ONNX
import Recipes
import Tensors
import TestSupport
import Testing

@testable import Engine
@testable import Passes

/// What ONNX Runtime computes for a fused operator is what it computes for the standard ones.
@Suite struct StandardizeOperatorsTests {
    private static let microsoft = "com.microsoft"

    private static func float(_ name: String, _ value: Float) -> Attribute { Attribute(name, .float(value)) }

    private struct Case {
        let node: Node
        let inputs: [(String, Tensor)]
        var initializers: [(String, Tensor)] = []
        var opsets: [Int64] = [11, 13, 17, 18, 20, 21, 23]
        var outputs: [(String, ElementType)] = [("y", .float32)]
        var expected: Set<String> = []
    }

    private static func fused(_ type: String, _ inputs: [String], _ outputs: [String] = ["y"], _ attributes: [Attribute] = []) -> Node {
        Node(type, inputs, outputs, name: "fused", domain: microsoft, attributes)
    }

    private static let ids = ("ids", Tensor(.int32, [2, 3], [1, 0, 4, 2, 2, 3] as [Int32]))
    private static let kinds = ("kinds", Tensor(.int32, [2, 3], [1, 0, 1, 1, 0, 0] as [Int32]))
    private static let tables: [(String, Tensor)] = [
        ("words", ramp([5, 6])), ("places", ramp([4, 6])), ("segments", ramp([2, 6])), ("gamma", ramp([6])), ("beta", ramp([6])),
    ]

    private static let cases: [Case] = [
        Case(node: fused("FusedMatMul", ["a", "b"]), inputs: [("a", ramp([2, 3, 4])), ("b", ramp([2, 4, 5]))]),
        Case(
            node: fused("FusedMatMul", ["a", "b"], ["y"], [.int("transA", 1), .int("transB", 1), float("alpha", 0.3)]),
            inputs: [("a", ramp([2, 4, 3])), ("b", ramp([5, 4]))]),
        Case(
            node: fused("FusedMatMul", ["a", "b"], ["y"], [.int("transA", 1), float("alpha", 0.3)]),
            inputs: [("a", ramp([4, 3])), ("b", ramp([4, 5]))], expected: ["Gemm"]),
        Case(
            node: fused("FusedMatMul", ["a", "b"], ["y"], [.int("transB", 1)]), inputs: [("a", ramp([4])), ("b", ramp([5, 4]))],
            expected: ["Transpose", "MatMul"]),
        Case(
            node: fused("TransposeMatMul", ["a", "b"], ["y"], [.int("transB", 1)]),
            inputs: [("a", ramp([2, 3, 4])), ("b", ramp([2, 5, 4]))]),
        Case(
            node: fused(
                "FusedGemm", ["a", "b", "c"], ["y"], [.int("transB", 1), float("beta", 0.5), Attribute("activation", .string("Relu"))]),
            inputs: [("a", ramp([3, 4])), ("b", ramp([5, 4])), ("c", ramp([5]))], expected: ["Gemm", "Relu"]),
        Case(
            node: fused(
                "FusedGemm", ["a", "b"], ["y"], [Attribute("activation", .string("LeakyRelu")), float("activation_alpha", 0.2)]),
            inputs: [("a", ramp([3, 4])), ("b", ramp([4, 5]))], expected: ["Gemm", "LeakyRelu"]),
        Case(
            node: fused(
                "FusedConv", ["x", "w", "b", "z"], ["y"],
                [.ints("pads", 1, 1, 1, 1), .ints("kernel_shape", 3, 3), Attribute("activation", .string("Relu"))]),
            inputs: [("x", ramp([1, 2, 4, 4])), ("z", ramp([1, 3, 4, 4]))], initializers: [("w", ramp([3, 2, 3, 3])), ("b", ramp([3]))],
            expected: ["Conv", "Add", "Relu"]),
        Case(
            node: fused(
                "FusedConv", ["x", "w"], ["y"],
                [
                    .ints("strides", 2, 2), .int("group", 2), Attribute("activation", .string("HardSigmoid")),
                    Attribute("activation_params", .floats([0.3, 0.4])),
                ]),
            inputs: [("x", ramp([1, 2, 4, 4]))], initializers: [("w", ramp([4, 1, 3, 3]))], expected: ["Conv", "HardSigmoid"]),
        Case(
            node: fused(
                "FusedConv", ["x", "w", "b"], ["y"],
                [Attribute("activation", .string("Clip")), Attribute("activation_params", .floats([-0.1, 0.4]))]),
            inputs: [("x", ramp([1, 2, 4, 4]))], initializers: [("w", ramp([4, 2, 1, 1])), ("b", ramp([4]))], opsets: [9, 11, 21],
            expected: ["Conv", "Clip"]),
        Case(node: fused("Gelu", ["x"]), inputs: [("x", ramp([2, 17]))], opsets: [9, 11, 17, 20, 21]),
        Case(node: fused("BiasGelu", ["x", "b"]), inputs: [("x", ramp([2, 17])), ("b", ramp([17]))], opsets: [9, 17, 20, 21]),
        Case(node: fused("FastGelu", ["x"]), inputs: [("x", ramp([2, 17]))], opsets: [9, 17, 20, 21]),
        Case(node: fused("FastGelu", ["x", "b"]), inputs: [("x", ramp([2, 17])), ("b", ramp([17]))], opsets: [9, 17, 20, 21]),
        Case(node: fused("QuickGelu", ["x"]), inputs: [("x", ramp([2, 17]))], expected: ["Mul", "Sigmoid", "Mul"]),
        Case(
            node: fused("QuickGelu", ["x"], ["y"], [float("alpha", 1)]), inputs: [("x", ramp([2, 17]))], expected: ["Sigmoid", "Mul"]),
        Case(
            node: fused("SkipLayerNormalization", ["x", "s", "gamma", "beta", "b"], ["y", "", "", "sum"], [float("epsilon", 0.02)]),
            inputs: [("x", ramp([2, 3, 6])), ("s", ramp([2, 3, 6]))],
            initializers: [("gamma", ramp([6])), ("beta", ramp([6])), ("b", ramp([6]))],
            outputs: [("y", .float32), ("sum", .float32)]),
        Case(
            node: fused("SkipLayerNormalization", ["x", "s", "gamma"], ["y", "m", "v"]),
            inputs: [("x", ramp([2, 3, 6])), ("s", ramp([1, 3, 6]))], initializers: [("gamma", ramp([6]))]),
        Case(
            node: fused("SkipSimplifiedLayerNormalization", ["x", "s", "gamma", "b"], ["y", "", "", "sum"], [float("epsilon", 0.02)]),
            inputs: [("x", ramp([2, 3, 6])), ("s", ramp([2, 3, 6]))], initializers: [("gamma", ramp([6])), ("b", ramp([6]))],
            outputs: [("y", .float32), ("sum", .float32)]),
        Case(
            node: Node("SimplifiedLayerNormalization", ["x", "gamma"], ["y"], [.int("axis", -1), float("epsilon", 0.02)]),
            inputs: [("x", ramp([2, 3, 6]))], initializers: [("gamma", ramp([6]))]),
        Case(
            node: Node("LayerNormalization", ["x", "gamma", "beta"], ["y"], [.int("axis", 2), float("epsilon", 0.02)]),
            inputs: [("x", ramp([2, 3, 6]))], initializers: [("gamma", ramp([6])), ("beta", ramp([6]))], opsets: [9, 11, 13, 16]),
        Case(
            node: fused(
                "EmbedLayerNormalization", ["ids", "kinds", "words", "places", "segments", "gamma", "beta"], ["y", "mask", "sum"]),
            inputs: [ids, kinds], initializers: tables, outputs: [("y", .float32), ("sum", .float32)]),
        Case(
            node: fused(
                "EmbedLayerNormalization", ["ids", "", "words", "places", "", "gamma", "beta", "", "at"], ["y", "mask"],
                [float("epsilon", 0.02)]),
            inputs: [ids, ("at", Tensor(.int32, [2, 3], [3, 2, 1, 0, 0, 1] as [Int32]))], initializers: tables),
        Case(
            node: fused("Attention", ["x", "w", "b"], ["y"], [.int("num_heads", 2)]), inputs: [("x", ramp([2, 3, 4]))],
            initializers: [("w", ramp([4, 12])), ("b", ramp([12]))]),
        Case(
            node: fused(
                "Attention", ["x", "w", "b", "mask"], ["y"],
                [
                    .int("num_heads", 2), float("scale", 0.3), float("mask_filter_value", -7),
                    Attribute("qkv_hidden_sizes", .ints([4, 4, 6])),
                ]),
            inputs: [("x", ramp([2, 3, 4])), ("mask", Tensor(.int32, [2, 3], [1, 1, 0, 1, 0, 0] as [Int32]))],
            initializers: [("w", ramp([4, 14])), ("b", ramp([14]))]),
        Case(
            node: fused("DynamicQuantizeMatMul", ["x", "w", "s", "z", "b"]), inputs: [("x", ramp([2, 3, 4]))],
            initializers: [
                ("w", Tensor(.int8, [4, 2], [1, -2, 3, 100, 5, -128, 7, 127] as [Int8])), ("s", floats(0.1, 0.02)),
                ("z", Tensor(.int8, [2], [0, 0] as [Int8])), ("b", floats(1, 2)),
            ]),
        Case(
            node: fused("MatMulIntegerToFloat", ["q", "w", "r", "s", "o", "", "b"]),
            inputs: [("q", Tensor(.uint8, [2, 4], [0, 1, 2, 255, 128, 7, 9, 200] as [UInt8]))],
            initializers: [
                ("w", Tensor(.int8, [4, 2], [1, -2, 3, 100, 5, -128, 7, 127] as [Int8])), ("r", scalar(0.03)), ("s", floats(0.1, 0.02)),
                ("o", Tensor(.uint8, [], [128] as [UInt8])), ("b", floats(1, 2)),
            ]),
    ]

    private static func model(_ item: Case, _ opset: Int64) -> SmallModel {
        var small = SmallModel(opset: opset, [item.node], inputs: item.inputs, initializers: item.initializers, outputs: item.outputs)
        small.model.operatorSets.append(OperatorSet(domain: microsoft, version: 1))
        return small
    }

    @Test(arguments: cases.indices) func aFusedOperatorIsWrittenInStandardOnes(_ index: Int) throws {
        let item = Self.cases[index]
        for opset in item.opsets {
            let form = try Deployed(Self.model(item, opset), .standardizeOperators)
            #expect(form.changes[.standardizeOperators] == 1, "\(item.node.operatorType) at \(opset)")
            #expect(form.after.graph.nodes.allSatisfy { $0.domain.isEmpty }, "\(form.operators)")
            #expect(form.after.operatorSets.map(\.domain) == [""])
            if !item.expected.isEmpty { #expect(Set(form.operators) == item.expected) }
            #expect(try form.difference(item.inputs) == nil, "\(item.node.operatorType) at \(opset): \(form.operators)")
        }
    }

    private static let staying: [(Node, Int64)] = [
        (fused("FusedMatMul", ["a", "b"], ["y"], [.int("transBatchA", 1)]), 17),
        (fused("FusedConv", ["a", "b"], ["y"], [Attribute("activation", .string("Swoosh"))]), 17),
        (fused("FusedGemm", ["a", "b"], ["y"]), 9), (fused("Gelu", ["a"]), 7),
        (fused("SkipLayerNormalization", ["a", "a", "g"], ["y", "mean"]), 17),
        (fused("Attention", ["a", "b", "", "", "", ""], ["y", "present"], [.int("num_heads", 2)]), 17),
        (Node("LayerNormalization", ["a", "g"], ["y"]), 17),
        (fused("MultiHeadAttention", ["a", "a", "a"], ["y"], [.int("num_heads", 1)]), 17),
    ]

    @Test(arguments: staying.indices) func whatHasNoStandardFormStays(_ index: Int) throws {
        let (node, opset) = Self.staying[index]
        var small = SmallModel(
            opset: opset, [node], inputs: [("a", ramp([2, 2, 4])), ("b", ramp([2, 4, 2]))], initializers: [("g", ramp([4]))])
        small.model.graph.outputs += node.outputs.dropFirst().map { Value($0, .tensor(.float32, nil)) }
        small.model.operatorSets.append(OperatorSet(domain: Self.microsoft, version: 1))
        #expect(try Deployed(small, .standardizeOperators).isUnchanged)
    }

    /// A model may define an operator of that name for itself.
    @Test func theModelsOwnFunctionStays() throws {
        var small = SmallModel(opset: 17, [Self.fused("Gelu", ["x"])], inputs: [("x", ramp([3]))])
        small.model.operatorSets.append(OperatorSet(domain: Self.microsoft, version: 1))
        small.model.functions = [
            Function(
                domain: Self.microsoft, name: "Gelu", inputs: ["v"], outputs: ["r"], nodes: [Node("Neg", ["v"], ["r"])],
                operatorSets: [OperatorSet(domain: "", version: 17)])
        ]
        #expect(try Deployed(small, .standardizeOperators, .foldConstants, .removeIdentities).isUnchanged)
    }

    /// Gelu and LayerNormalization exist in float16 too; their formulas would round too often.
    @Test func formulasAreNotWrittenIn16Bits() throws {
        for (opset, count) in [(17, 0), (20, 1)] as [(Int64, Int)] {
            var small = SmallModel(
                opset: opset, [Self.fused("Gelu", ["x"])], inputs: [("x", ramp([3]).narrowed(to: .float16))], outputs: [("y", .float16)])
            small.model.operatorSets.append(OperatorSet(domain: Self.microsoft, version: 1))
            #expect(try Deployed(small, .standardizeOperators).changes[.standardizeOperators] == count)
        }
    }

    // MARK: Models that ONNX Runtime wrote

    private static var folder: URL {
        URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent().appendingPathComponent("Fused")
    }

    private static func fusedModels() throws -> [String] {
        let names = try FileManager.default.contentsOfDirectory(atPath: folder.path).filter { $0.hasSuffix(".onnx") }.sorted()
        #expect(names.count == 11)
        return names
    }

    private static func read(_ name: String) throws -> Model {
        try Model(serialized: Data(contentsOf: folder.appendingPathComponent(name)))
    }

    @Test func whatONNXRuntimeHasFusedBecomesStandardAgain() throws {
        for name in try Self.fusedModels() {
            let model = try Self.read(name)
            #expect(model.graph.nodes.contains { !$0.domain.isEmpty || $0.operatorType == "LayerNormalization" })
            for passes in [[.standardizeOperators], GraphPass.allCases] {
                let form = try Deployed(model, passes)
                #expect(form.after.graph.nodes.allSatisfy { $0.domain.isEmpty }, "\(name): \(form.operators)")
                if model.operatorSetVersion()! < 17 { #expect(!form.operators.contains("LayerNormalization")) }
                let inputs = SampleInputs.of(model, rows: 3)
                #expect(try SampleInputs.difference(form.after, model, inputs) == nil, "\(name), \(passes.count) passes")
            }
        }
    }
}
