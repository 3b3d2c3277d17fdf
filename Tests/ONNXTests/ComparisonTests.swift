import Foundation
import ONNXProto
import Tensors
import TestSupport
import Testing

@testable import ONNX

/// What `diff` compares of files, where the ONNX project's own package is no judge: how tensors are stored, and which
/// values belong together.
@Suite struct ComparisonTests {
    private static let x = Value("x", .tensor(.float32, [.symbolic("N"), .fixed(4)]))

    private func model(_ nodes: [Node], _ initializers: [StoredTensor], output: String = "y") -> Model {
        Model(
            irVersion: 8, operatorSets: [OperatorSet(domain: "", version: 17)],
            graph: Graph(name: "g", nodes: nodes, inputs: [Self.x], outputs: [Value(output, nil)], initializers: initializers))
    }

    private func square(_ name: String, _ first: Float = 1) -> StoredTensor {
        StoredTensor(name, .float32, [4, 4], (0..<16).map { $0 == 0 ? first : Float($0) })
    }

    @Test func whatIsStoredInAnotherWayIsTheSame() throws {
        let folder = try TemporaryDirectory("comparison")
        let raw = model([Node("MatMul", ["x", "w"], ["y"])], [square("w")])
        var listed = raw
        listed.graph.initializers[0].proto.clearRawData()
        listed.graph.initializers[0].proto.floatData = (0..<16).map { $0 == 0 ? 1 : Float($0) }
        #expect(try ModelComparison(raw, listed).isEmpty)
        var options = Model.WritingOptions()
        options.embeddedBytesAtMost = 0
        options.externalTensorBytesAtLeast = 1
        try raw.write(to: folder("apart.onnx"), options: options)
        let apart = try Model.load(path: folder("apart.onnx"))
        #expect(apart.hasExternalData)
        let same = try ModelComparison(raw, apart)
        #expect(same.isEmpty && same.initializers.same == 1 && same.weights == [.init(name: "float", a: 64, b: 64)])
        let other = try ModelComparison(model([Node("MatMul", ["x", "w"], ["y"])], [square("w", 3)]), apart)
        #expect(other.initializers.changed.first?.difference.largest == 2 && other.initializers.changed.first?.difference.changed == 1)
        try FileManager.default.removeItem(atPath: folder("apart.onnx.data"))
        #expect(throws: ONNXError.self) { try ModelComparison(raw, apart) }
    }

    /// A Constant node and an initializer of one name are one constant.
    @Test func constantsAreInitializers() throws {
        let stored = model([Node("MatMul", ["x", "w"], ["y"])], [square("w")])
        let made = model([Node("Constant", [], ["w"], [Attribute("value", .tensor(square("")))]), Node("MatMul", ["x", "w"], ["y"])], [])
        let found = try ModelComparison(stored, made)
        #expect(found.initializers.same == 1 && found.initializers.others.isEmpty)
        #expect(found.operators == [.init(name: "Constant", a: 0, b: 1)] && found.nodes.isEmpty)
    }

    @Test func halvesOfBytesAndNonFiniteNumbersAreTold() throws {
        func packed(_ bytes: [UInt8]) -> Tensor { bytes.withUnsafeBytes { Tensor(elementType: .int4, shape: [4], bytes: $0)! } }
        // [1, -2, 7, 0] and [1, -8, 7, 0], low halves first.
        let small = try #require(TensorDifference(packed([0xE1, 0x07]), packed([0x81, 0x07])))
        #expect(small.changed == 1 && small.elements == 4 && small.largest == 6)
        #expect(abs(small.relative! - (36.0 / 54).squareRoot()) < 1e-12)
        let odd = try #require(
            TensorDifference(Tensor(.float32, [3], [Float.nan, 1, 2]), Tensor(.float32, [3], [Float.nan, Float.infinity, 2.5])))
        #expect(odd.changed == 2 && odd.nonFinite == 1 && odd.largest == 0.5)
        #expect(TensorDifference(Tensor(.float32, [1], [Float.nan]), Tensor(.float32, [1], [Float.nan])) == nil)
        let texts = try #require(TensorDifference(Tensor(strings: ["a", "b"], shape: [2]), Tensor(strings: ["a", "c"], shape: [2])))
        #expect(texts.changed == 1 && texts.largest == nil)
        let vast = try #require(
            TensorDifference(
                Tensor(.float64, [1], [Double.greatestFiniteMagnitude]), Tensor(.float64, [1], [-Double.greatestFiniteMagnitude])))
        #expect(vast.largest == nil && vast.relative == nil, "JSON has no infinity")
    }

    /// Three products of the same shape, of which the second model has one in another form: the other two still find each other.
    @Test func productsBesideEachOtherAreNotMixedUp() throws {
        let names = ["q", "k", "v"]
        let products = names.map { Node("MatMul", ["x", "w" + $0], [$0]) }
        let sum = Node("Sum", names, ["y"])
        let a = model(products + [sum], names.enumerated().map { square("w" + $1, Float($0)) })
        let b = model(
            [
                Node("Identity", ["x"], ["spare"]), Node("MatMul", ["x", "uv"], ["v1"]), Node("MatMul", ["x", "uk"], ["k1"]),
                Node("Cast", ["half"], ["whole"], [Attribute("to", .int(1))]), Node("MatMul", ["x", "whole"], ["q1"]),
                Node("Sum", ["q1", "k1", "v1"], ["y"]),
            ],
            [square("uk", 1), square("uv", 2), StoredTensor("half", .float16, [4, 4], [Float16](repeating: 0, count: 16))])
        let pairs = try CommonValues(a, b).pairs
        #expect(pairs.map { [$0.a, $0.b] } == [["k", "k1"], ["v", "v1"], ["y", "y"]])
    }

    /// Of models with other weights under other names the values find each other by what they are computed from.
    @Test func otherWeightsUnderOtherNames() throws {
        let a = model(
            [
                Node("MatMul", ["x", "w1"], ["1"]), Node("Relu", ["1"], ["2"]), Node("MatMul", ["2", "w2"], ["3"]),
                Node("Relu", ["3"], ["y"]),
            ],
            [square("w1"), square("w2", 5)])
        let b = model(
            [
                Node("Abs", ["x"], ["0"]), Node("MatMul", ["x", "u1"], ["2"]), Node("Relu", ["2"], ["3"]),
                Node("MatMul", ["3", "u2"], ["1"]),
                Node("Relu", ["1"], ["y"]),
            ],
            [square("u1", 7), square("u2", 8)])
        let pairs = try CommonValues(a, b).pairs
        #expect(pairs.map { [$0.a, $0.b] } == [["1", "2"], ["2", "3"], ["3", "1"], ["y", "y"]])
        #expect(try ModelComparison(a, b).operators == [.init(name: "Abs", a: 0, b: 1)])
    }

    /// A part of a model computes what the whole does, and needs no input that had a default.
    @Test func aPartHasWhatItNeeds() throws {
        var whole = model(
            [Node("MatMul", ["x", "w1"], ["1"]), Node("Relu", ["1"], ["2"]), Node("MatMul", ["2", "w2"], ["y"])],
            [square("w1"), square("w2")])
        whole.graph.inputs.append(Value("w2", .tensor(.float32, [.fixed(4), .fixed(4)])))
        let part = whole.reduced(to: ["1"])
        #expect(part.graph.nodes.map(\.operatorType) == ["MatMul"] && part.graph.initializers.map(\.name) == ["w1"])
        #expect(part.graph.inputs.map(\.name) == ["x"] && part.graph.outputs.map(\.name) == ["1"])
        #expect(whole.reduced(to: ["y"]).graph.nodes.count == 3)
    }
}
