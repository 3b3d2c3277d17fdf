import ONNX
import Tensors
import Testing

@testable import Quantization

/// Which nodes are quantized, and what they become.
@Suite struct WeightTests {
    private func quantized(_ model: Model, _ quantizer: some Quantizer = DynamicInt8()) throws -> (model: Model, report: QuantizationReport)
    {
        var result = model
        let report = try quantizer.run(&result)
        try result.safetyCheck(checksFiles: false)
        #expect(try result.inferTypes().contradictions.isEmpty)
        return (result, report)
    }

    private func types(_ model: Model) -> [String] { model.graph.nodes.map(\.operatorType) }

    @Test func aProductBecomesOneOfIntegers() throws {
        let (model, report) = try quantized(Models.product())
        #expect(types(model) == ["DynamicQuantizeLinear", "MatMulInteger", "Cast", "Mul", "Mul"])
        #expect(report == QuantizationReport(quantized: ["product"], left: []))
        #expect(model.graph.initializers.map(\.name) == ["w/int8", "w/scales"])
        #expect(model.graph.initializer("w/int8")?.elementType == .int8)
        #expect(model.graph.nodes.last?.name == "product" && model.graph.nodes.last?.outputs == ["y"])
    }

    @Test func weightsAndActivationsThatAreSharedAreQuantizedOnce() throws {
        let (model, report) = try quantized(Models.sequence())
        #expect(types(model).filter { $0 == "DynamicQuantizeLinear" }.count == 1)
        #expect(report.quantized == ["left", "right"])
        let (chain, _) = try quantized(Models.chain())
        // The second and the fourth product share a weight, under two alphas: its integers are there for each.
        #expect(chain.graph.initializers.filter { $0.elementType == .int8 }.count == 4)
        let (stored, _) = try quantized(Models.chain(), WeightOnly(.int8))
        #expect(stored.graph.initializers.filter { $0.elementType == .int8 }.count == 3)
        #expect(types(stored).filter { $0 == "DequantizeLinear" }.count == 3)
    }

    @Test(arguments: [DynamicInt8() as any Quantizer, WeightOnly(.int8), WeightOnly(.int4)])
    func whatIsExcludedStays(_ quantizer: any Quantizer) throws {
        func excluding(_ names: Set<String>) -> any Quantizer {
            if var it = quantizer as? DynamicInt8 { it.exclude = names; return it }
            if var it = quantizer as? WeightOnly { it.exclude = names; return it }
            return quantizer
        }
        var model = Models.chain()
        let report = try excluding(["second", "third"]).run(&model)
        #expect(
            report
                == QuantizationReport(
                    quantized: ["first", "fourth"],
                    left: [LeftNode(name: "second", reason: .excluded), LeftNode(name: "third", reason: .excluded)]))
        // The weight that a node in float still reads is there as it was.
        #expect(model.graph.initializer("w1") == Models.chain().graph.initializer("w1"))
        #expect(
            model.graph.nodes.filter { $0.operatorType == "Gemm" && $0.inputs[1].hasPrefix("w") && !$0.inputs[1].contains("/") }.count == 2)
        var untouched = Models.chain()
        #expect(throws: QuantizationError.unknownNode("nobody")) { try excluding(["nobody", "second"]).run(&untouched) }
        #expect(untouched == Models.chain())
    }

    @Test func weightsOfModelsOfIRVersionThreeAreConstants() throws {
        var model = Models.product(opset: 7)
        model.irVersion = 3
        model.graph.inputs.append(Value("w", .tensor(.float32, [64, 48])))
        let (result, report) = try quantized(model)
        #expect(report.quantized == ["product"] && result.irVersion == 10 && result.operatorSetVersion() == 21)
        #expect(result.graph.inputs.map(\.name) == ["x"])
    }

    @Test func aWeightInAConstantNodeIsOne() throws {
        var model = Models.product()
        let tensor = model.graph.initializers.removeLast()
        model.graph.nodes.insert(Node("Constant", [], ["w"], [Attribute("value", .tensor(tensor))]), at: 0)
        let (result, report) = try quantized(model)
        #expect(report.quantized == ["product"] && !types(result).contains("Constant"))
    }

    /// A row gives the same bits alone and beside a row with numbers that are much larger; with a scale for the tensor it does not.
    @Test func aRowWithItsOwnScaleDoesNotDependOnOthers() throws {
        let row = Models.weight([1, 64], seed: 40) { _ in 1 }, large = Models.weight([1, 64], seed: 41) { _ in 1000 }
        let both = Tensor(.float32, [2, 64], try #require(row.values(as: Float.self)) + (large.values(as: Float.self) ?? []))
        for (scales, isSame) in [(DynamicInt8.Scales.row, true), (.tensor, false)] {
            var quantizer = DynamicInt8()
            quantizer.scales = scales
            let (model, _) = try quantized(Models.product(opset: scales == .row ? 21 : 17), quantizer)
            let alone = try run(model, [("x", row)]), beside = try run(model, [("x", both)])
            #expect((alone.map(\.bitPattern) == beside.prefix(48).map(\.bitPattern)) == isSame)
        }
    }

    /// A constant row, which has no range, is met exactly but for the rounding of the weight.
    @Test func aConstantRowIsNoDivisionByZero() throws {
        var quantizer = DynamicInt8()
        quantizer.scales = .row
        let (model, _) = try quantized(Models.product(), quantizer)
        let zero = Tensor(.float32, [1, 64], [Float](repeating: 0, count: 64)),
            one = Tensor(.float32, [1, 64], [Float](repeating: 1, count: 64))
        #expect(try run(model, [("x", zero)]) == [Float](repeating: 0, count: 48))
        #expect(cosine(try run(model, [("x", one)]), try run(Models.product(), [("x", one)])) > 0.999)
    }

    @Test func fewerLevelsKeepSumsOfTwoProductsIn16Bits() throws {
        var quantizer = DynamicInt8()
        quantizer.levels = .reduced
        let (model, _) = try quantized(Models.product(), quantizer)
        let integers = try #require(model.graph.initializer("w/int8")).tensor().values(as: Int8.self) ?? []
        #expect(integers.max() == 63 && integers.min() == -63 && 2 * 63 * 255 <= Int(Int16.max))
    }

    @Test func theBlockSizeIsOneThatEnginesHave() throws {
        for size in [0, -32, 8, 33, 48] {
            var quantizer = WeightOnly(.int4), model = Models.product()
            quantizer.blockSize = size
            #expect(throws: QuantizationError.self) { try quantizer.run(&model) }
        }
        var quantizer = WeightOnly(.int4)
        quantizer.blockSize = 16
        let (model, _) = try quantized(Models.product(), quantizer)
        #expect(model.graph.initializer("w/scales")?.shape == [4, 48])
        // The block must divide the 64 terms of a sum; where none does, there is a scale for each result.
        for (size, depth, shape, type) in [(128, 64, [2, 48], ElementType.int4), (32, 48, [3, 48], .int4), (32, 72, [48], .int8)]
            as [(Int, Int, Shape, ElementType)]
        {
            quantizer.blockSize = size
            var model = Models.product()
            model.graph.inputs[0].type = .tensor(.float32, [6, depth])
            model.graph.initializers[0] = StoredTensor("w", Models.weight([depth, 48]))
            let (result, _) = try quantized(model, quantizer)
            #expect(result.graph.initializer("w/scales")?.shape == shape)
            #expect(result.graph.initializer("w/\(type)") != nil)
        }
    }

    /// The low half of a byte is the first of its two integers.
    @Test func int4IsPackedAsONNXHasIt() throws {
        var model = Models.product()
        let numbers = (0..<(64 * 48)).map { Float([7, -8, 0, 3][$0 % 4]) }
        model.graph.initializers[0] = StoredTensor("w", Tensor(.float32, [64, 48], numbers))
        let (result, _) = try quantized(model, WeightOnly(.int4))
        let tensor = try #require(result.graph.initializer("w/int4")).tensor()
        #expect(tensor.bytes.count == 64 * 24)
        // Columns are of one number each, and the scale makes the largest 7 or -8: 7 is at 7, -8 at -8 (or its half by the search).
        let scales = try #require(result.graph.initializer("w/scales")).tensor().values(as: Float.self) ?? []
        for (byte, pair) in zip(Array(tensor.bytes.prefix(2)), [(7, -8), (0, 3)]) {
            let low = Int(Int8(truncatingIfNeeded: Int(byte & 15) << 4) >> 4), high = Int(Int8(bitPattern: byte) >> 4)
            let column = pair.0 == 7 ? 0 : 2
            #expect(abs(Float(low) * scales[column] - Float(pair.0)) < 0.05 && abs(Float(high) * scales[column + 1] - Float(pair.1)) < 0.05)
        }
    }

    @Test func anEmbeddingIsStoredByRows() throws {
        let (model, report) = try quantized(Models.transformer())
        #expect(report.quantized == ["embedding", "query", "key", "value", "out", "up", "down"])
        #expect(report.left == ["scores", "mixed"].map { LeftNode(name: $0, reason: .notConstant) })
        #expect(model.graph.initializer("table/scales")?.shape == [512, 1] && model.graph.initializer("table") == nil)
        var without = DynamicInt8()
        without.includesEmbeddings = false
        #expect(try quantized(Models.transformer(), without).model.graph.initializer("table") != nil)
        var excluding = DynamicInt8()
        excluding.exclude = ["embedding"]
        let (left, said) = try quantized(Models.transformer(), excluding)
        #expect(left.graph.initializer("table") != nil && said.left.first == LeftNode(name: "embedding", reason: .excluded))
    }

    @Test func float16WeightsAreReadThroughACast() throws {
        var quantizer = Float16Storage()
        quantizer.exclude = ["third"]
        var model = Models.chain()
        model.graph.initializers[0] = StoredTensor("w0", Tensor(.float32, [64, 72], [Float](repeating: 65520, count: 64 * 72)))
        let (result, report) = try quantized(model, quantizer)
        #expect(report.quantized == ["w1"])
        #expect(report.left == [LeftNode(name: "w0", reason: .tooLarge), LeftNode(name: "w2", reason: .excluded)])
        #expect(result.graph.nodes[0] == Node("Cast", ["w1/float16"], ["w1"], [Attribute("to", .int(1))]))
        #expect(Array(result.graph.nodes.dropFirst()) == model.graph.nodes && result.graph.initializer("w1") == nil)
    }
}
