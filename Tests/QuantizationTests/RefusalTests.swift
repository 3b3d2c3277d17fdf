import ONNX
import Tensors
import Testing

@testable import Quantization

/// What stays in float, with its reason, and what is refused.
@Suite struct RefusalTests {
    struct Left: Sendable, CustomTestStringConvertible {
        let testDescription: String
        let reason: LeftReason
        let change: @Sendable (inout Model) -> Void
    }

    private static func replacing(_ tensor: Tensor) -> @Sendable (inout Model) -> Void {
        { $0.graph.initializers[0] = StoredTensor("w", tensor) }
    }

    private static let left: [Left] = [
        Left(testDescription: "batched", reason: .rank(3), change: replacing(Models.weight([2, 64, 48]))),
        Left(testDescription: "vector", reason: .rank(1), change: replacing(Models.weight([64]))),
        Left(testDescription: "narrow", reason: .tooSmall(depth: 64, columns: 15), change: replacing(Models.weight([64, 15]))),
        Left(testDescription: "flat", reason: .tooSmall(depth: 31, columns: 48)) {
            $0.graph.inputs[0].type = .tensor(.float32, [6, 31])
            $0.graph.initializers[0] = StoredTensor("w", Models.weight([31, 48]))
        },
        Left(testDescription: "NaN", reason: .notFinite) {
            var numbers = [Float](repeating: 1, count: 64 * 48)
            numbers[77] = .nan
            $0.graph.initializers[0] = StoredTensor("w", Tensor(.float32, [64, 48], numbers))
        },
        Left(testDescription: "infinite", reason: .notFinite) {
            var numbers = [Float](repeating: 1, count: 64 * 48)
            numbers[3] = -.infinity
            $0.graph.initializers[0] = StoredTensor("w", Tensor(.float32, [64, 48], numbers))
        },
        Left(testDescription: "an input that a caller may override", reason: .notConstant) {
            $0.graph.inputs.append(Value("w", .tensor(.float32, [64, 48])))
        },
        Left(testDescription: "float64", reason: .elementType(.float64)) {
            $0.graph.inputs[0].type = .tensor(.float64, [6, 64])
            $0.graph.outputs[0].type = .tensor(.float64, [6, 48])
            $0.graph.initializers[0] = StoredTensor("w", Tensor(.float64, [64, 48], [Double](repeating: 1, count: 64 * 48)))
        },
        Left(testDescription: "float16", reason: .elementType(.float16)) {
            $0.graph.inputs[0].type = .tensor(.float16, [6, 64])
            $0.graph.outputs[0].type = .tensor(.float16, [6, 48])
            $0.graph.initializers[0] = StoredTensor("w", Tensor(.float16, [64, 48], [UInt16](repeating: 0x3C00, count: 64 * 48)))
        },
        Left(testDescription: "first factor", reason: .firstFactor) {
            $0.graph.nodes[0].inputs = ["w", "x"]
            $0.graph.inputs[0].type = .tensor(.float32, [48, 6])
        },
    ]

    @Test(arguments: left) func whatCannotBeQuantizedStaysWithItsReason(_ left: Left) throws {
        for quantizer in [DynamicInt8() as any Quantizer, WeightOnly(.int8)] {
            var model = Models.product()
            left.change(&model)
            let expected = [LeftNode(name: "product", reason: left.reason)]
            #expect(throws: QuantizationError.nothingToQuantize(left: expected)) { try quantizer.run(&model) }
        }
    }

    @Test func aSumThatCanOverflowStays() throws {
        let depth = IntegerProducts.largestDepth
        #expect(depth * 255 * 127 <= Int(Int32.max) && (depth + 1) * 255 * 127 > Int(Int32.max))
        var model = Models.product()
        model.graph.inputs[0].type = .tensor(.float32, [1, depth + 1])
        model.graph.initializers[0] = StoredTensor("w", Tensor(.float32, [depth + 1, 16], [Float](repeating: 1, count: 16 * (depth + 1))))
        let expected = [LeftNode(name: "product", reason: .tooDeep(depth + 1))]
        #expect(throws: QuantizationError.nothingToQuantize(left: expected)) { try DynamicInt8().run(&model) }
    }

    /// What is in a subgraph stays as it is, also where it reads a weight from outside.
    @Test func subgraphsStay() throws {
        var model = Models.product()
        let body = Graph(
            name: "body", nodes: [Node("MatMul", ["x", "w"], ["inner"], name: "inside")], outputs: [Value("inner", .tensor(.float32, nil))])
        model.graph.initializers.append(StoredTensor("c", Tensor(.bool, [], [UInt8(1)])))
        model.graph.nodes.append(
            Node("If", ["c"], ["z"], name: "if", [Attribute("then_branch", .graph(body)), Attribute("else_branch", .graph(body))]))
        model.graph.outputs.append(Value("z", .tensor(.float32, nil)))
        let (result, report) = try changed(model)
        let inside = LeftNode(name: "inside", reason: .insideSubgraph)
        #expect(report == QuantizationReport(quantized: ["product"], left: [inside, inside]))
        #expect(result.graph.initializer("w") == model.graph.initializer("w") && result.graph.nodes.last == model.graph.nodes.last)
    }

    @Test(arguments: [
        "QuantizeLinear", "DequantizeLinear", "DynamicQuantizeLinear", "MatMulInteger", "ConvInteger", "QLinearConv", "QLinearMatMul",
        "MatMulNBits", "MatMulIntegerToFloat",
    ])
    func aQuantizedModelIsRefusedByName(_ operatorType: String) throws {
        var model = Models.product()
        model.graph.nodes.append(Node(operatorType, ["y"], ["z"], name: "integer"))
        let error = QuantizationError.alreadyQuantized(place: "node \(operatorType) 'integer' -> 'z'")
        for quantizer in [DynamicInt8() as any Quantizer, WeightOnly(.int4), Float16Storage()] {
            var copy = model
            #expect(throws: error) { try quantizer.run(&copy) }
        }
        var again = Models.product()
        try DynamicInt8().run(&again)
        #expect(throws: QuantizationError.self) { try WeightOnly(.int8).run(&again) }
    }

    @Test func whatCannotBeRaisedIsRefusedWithTheReason() throws {
        var model = Models.product(opset: 8)
        model.functions = [
            Function(
                domain: "d", name: "f", inputs: ["a"], outputs: ["b"], nodes: [Node("Relu", ["a"], ["b"])], operatorSets: model.operatorSets
            )
        ]
        #expect(throws: QuantizationError.self) { try DynamicInt8().run(&model) }
        model = Models.product(opset: 99)
        #expect(throws: QuantizationError.self) { try DynamicInt8().run(&model) }
        model.operatorSets = []
        #expect(throws: QuantizationError.self) { try DynamicInt8().run(&model) }
    }

    private func changed(_ model: Model) throws -> (model: Model, report: QuantizationReport) {
        var result = model
        let report = try DynamicInt8().run(&result)
        return (result, report)
    }
}
