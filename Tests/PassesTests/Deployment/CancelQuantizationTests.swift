import ConformanceSupport
import ONNX
import Recipes
import Tensors
import Testing

@testable import Passes

@Suite struct CancelQuantizationTests {
    private static let everyByte = Tensor(.int8, [256], (-128...127).map { Int8($0) })

    /// `q -> DequantizeLinear -> QuantizeLinear -> y`, with the second pair of parameters for the second node.
    private func pair(
        _ q: Tensor = everyByte, scale: Tensor = scalar(0.037), zero: Tensor? = Tensor(.int8, [], [3] as [Int8]), other: Tensor? = nil,
        otherZero: Tensor? = nil, _ attributes: [Attribute] = [], _ otherAttributes: [Attribute]? = nil, opset: Int64 = 21
    ) -> SmallModel {
        let given = zero == nil ? [] : ["z"]
        return SmallModel(
            opset: opset,
            [
                Node("DequantizeLinear", ["q", "s"] + given, ["f"], attributes),
                Node("QuantizeLinear", ["f", "t"] + (otherZero == nil ? given : ["v"]), ["y"], otherAttributes ?? attributes),
            ], inputs: [("q", q)],
            initializers: [("s", scale), ("t", other ?? scale)] + (zero.map { [("z", $0)] } ?? []) + (otherZero.map { [("v", $0)] } ?? []),
            outputs: [("y", q.elementType)])
    }

    private func columns<Value: BitwiseCopyable>(_ type: ElementType, _ values: [Value]) -> Tensor { Tensor(type, [values.count], values) }

    @Test func everyIntegerComesBack() throws {
        let words = columns(.int16, stride(from: -32768, through: 32767, by: 7).map { Int16($0) })
        for scale in [0.037, 1e-3, 3.3e-37, 1.7e33, 1.175_494_4e-38] as [Float] {
            for (q, zero) in [
                (Self.everyByte, Tensor(.int8, [], [3] as [Int8])),
                (columns(.uint8, (0...255).map { UInt8($0) }), Tensor(.uint8, [], [255] as [UInt8])),
                (words, Tensor(.int16, [], [-32768] as [Int16])),
            ] {
                let form = try Deployed(pair(q, scale: scalar(scale), zero: zero), .cancelQuantization, .removeDeadNodes)
                #expect(form.operators == ["Identity"], "\(q.elementType) \(scale)")
                #expect(try form.difference([("q", q)], exact: true) == nil, "\(q.elementType) \(scale)")
            }
        }
    }

    @Test func scalesForEachColumn() throws {
        let q = Tensor(.int8, [2, 3], [1, -2, 3, 127, -128, 0] as [Int8]), zeros = columns(.int8, [0, 1, 2] as [Int8])
        let form = try Deployed(
            pair(q, scale: floats(0.1, 0.2, 0.3), zero: zeros, [.int("axis", 1)], []), .cancelQuantization, .removeDeadNodes)
        #expect(form.operators == ["Identity"])
        #expect(try form.difference([("q", q)], exact: true) == nil)
        let square = Tensor(.int8, [2, 2], [1, -2, 3, 127] as [Int8]), two = columns(.int8, [0, 1] as [Int8])
        #expect(
            try Deployed(pair(square, scale: floats(0.1, 0.2), zero: two, [.int("axis", 0)], [.int("axis", 1)]), .cancelQuantization)
                .isUnchanged)
    }

    @Test func whatIsNotTheSameStays() throws {
        let zero = Tensor(.int8, [], [4] as [Int8])
        for small in [
            pair(other: scalar(0.038)), pair(otherZero: zero), pair(zero: nil, otherZero: zero),
            // Products with these are not exact, or infinite.
            pair(scale: scalar(.leastNonzeroMagnitude * 1000)), pair(scale: scalar(2e38)), pair(scale: scalar(-0.1)),
            pair(scale: scalar(.nan)),
            pair().overriding("s"), pair().overriding("z"),
        ] {
            #expect(try Deployed(small, .cancelQuantization).isUnchanged)
        }
        // Without a zero point the result is uint8, with one it is as the zero point.
        var unsigned = pair(zero: nil)
        unsigned.model.graph.outputs[0].type = .tensor(.uint8, nil)
        #expect(try Deployed(unsigned, .cancelQuantization).isUnchanged)
    }

    @Test func aZeroPointOfZeroIsAsGoodAsNone() throws {
        let q = columns(.uint8, (0...255).map { UInt8($0) })
        let form = try Deployed(
            pair(q, zero: nil, otherZero: Tensor(.uint8, [], [0] as [UInt8])), .cancelQuantization, .removeDeadNodes)
        #expect(form.operators == ["Identity"])
        #expect(try form.difference([("q", q)], exact: true) == nil)
    }

    /// Rounding and clipping are what the pair is for.
    @Test func theOtherOrderStays() throws {
        let small = SmallModel(
            opset: 17, [Node("QuantizeLinear", ["x", "s", "z"], ["q"]), Node("DequantizeLinear", ["q", "s", "z"], ["y"])],
            inputs: [("x", ramp([4]))], initializers: [("s", scalar(0.1)), ("z", Tensor(.int8, [], [0] as [Int8]))])
        #expect(try Deployed(small, .cancelQuantization).isUnchanged)
        let chain = SmallModel(
            opset: 17,
            [
                Node("QuantizeLinear", ["x", "s", "z"], ["q"]), Node("DequantizeLinear", ["q", "s", "z"], ["d"]),
                Node("QuantizeLinear", ["d", "s", "z"], ["p"]), Node("DequantizeLinear", ["p", "s", "z"], ["y"]),
            ], inputs: [("x", ramp([40]))], initializers: [("s", scalar(0.1)), ("z", Tensor(.int8, [], [0] as [Int8]))])
        let form = try Deployed(chain, .cancelQuantization, .removeDeadNodes)
        #expect(form.operators == ["QuantizeLinear", "DequantizeLinear"])
        #expect(try form.difference([("x", ramp([40]))], exact: true) == nil)
    }
}
