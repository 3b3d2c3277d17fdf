import ConformanceSupport
import Engine
import ONNX
import Tensors
import Testing

@testable import Quantization

/// Biases that take up the error of rounding in the mean, and channels that are made alike.
@Suite struct CorrectionTests {
    private func channels(_ model: Model) throws -> ChannelStatistics {
        var calibration = try Calibration(model, method: .minMax)
        try calibrate(&calibration)
        return calibration.channels
    }

    /// The mean of each result over the calibration rows, by columns of the last axis or, of convolutions, by the second.
    private func means(_ model: Model, columns: Int, inner: Int = 1) throws -> [Double] {
        var sums = [Double](repeating: 0, count: columns)
        for batch in 0..<4 {
            let numbers = try run(model, Models.rows(model, 8, seed: UInt64(100 + batch)).map { ($0.0, $0.1) })
            for (position, number) in numbers.enumerated() {
                sums[position / inner % columns] += Double(number) / Double(numbers.count * 4 / columns)
            }
        }
        return sums
    }

    private func largest(_ one: [Double], _ other: [Double]) -> Double { zip(one, other).map { abs($0 - $1) }.max() ?? 0 }

    struct Corrected: Sendable, CustomTestStringConvertible {
        let testDescription: String
        let model: Model
        let columns: Int
        var inner = 1
    }

    private static let shifted: @Sendable (Model) -> Model = {
        // Inputs that are not zero in the mean: a Relu before the product.
        var model = $0
        model.graph.nodes.insert(Node("Relu", ["x"], ["positive"]), at: 0)
        model.graph.nodes[1].inputs[0] = "positive"
        return model
    }

    private static let corrected = [
        Corrected(testDescription: "MatMul", model: shifted(Models.product()), columns: 48),
        Corrected(
            testDescription: "Gemm with a bias, alpha and beta",
            model: shifted(
                Models.model(
                    [
                        Node(
                            "Gemm", ["x", "w", "c"], ["y"], name: "product",
                            [Attribute("transB", .int(1)), Attribute("alpha", .float(0.5)), Attribute("beta", .float(2))])
                    ], inputs: [("x", [.symbolic("n"), .fixed(64)])],
                    initializers: [("w", Models.weight([48, 64])), ("c", Models.weight([48], seed: 2))])),
            columns: 48),
        Corrected(
            testDescription: "Gemm without a bias",
            model: shifted(
                Models.model(
                    [Node("Gemm", ["x", "w"], ["y"], name: "product")], inputs: [("x", [.symbolic("n"), .fixed(64)])],
                    initializers: [("w", Models.weight([64, 48]))])), columns: 48),
        Corrected(
            testDescription: "Gemm with a scalar bias",
            model: shifted(
                Models.model(
                    [Node("Gemm", ["x", "w", "c"], ["y"], name: "product", [Attribute("beta", .float(3))])],
                    inputs: [("x", [.symbolic("n"), .fixed(64)])],
                    initializers: [("w", Models.weight([64, 48])), ("c", Tensor(.float32, [], [Float(0.5)]))])), columns: 48),
        Corrected(
            testDescription: "Conv in groups",
            model: shifted(
                Models.model(
                    [Node("Conv", ["x", "w"], ["y"], name: "product", [Attribute("group", .int(2))])],
                    inputs: [("x", [.symbolic("n"), .fixed(16), .fixed(5), .fixed(5)])],
                    initializers: [("w", Models.weight([32, 8, 1, 1]))])),
            columns: 32, inner: 25),
    ]

    /// The mean of the results over the calibration rows is that of the float model again, where only weights are rounded.
    @Test(arguments: corrected) func theMeanErrorIsGone(_ it: Corrected) throws {
        let statistics = try channels(it.model)
        for format in [WeightOnly.Format.int8, .int4] {
            var plain = it.model, better = it.model
            var quantizer = WeightOnly(format)
            try quantizer.run(&plain)
            quantizer.corrected = statistics
            try quantizer.run(&better)
            let exact = try means(it.model, columns: it.columns, inner: it.inner)
            let before = largest(try means(plain, columns: it.columns, inner: it.inner), exact)
            let after = largest(try means(better, columns: it.columns, inner: it.inner), exact)
            #expect(after < before / 50 && after < 1e-4, "\(before) \(after)")
        }
    }

    /// With activations in integers too, it is smaller.
    @Test(arguments: corrected) func integersAreCorrectedToo(_ it: Corrected) throws {
        var calibration = try Calibration(it.model, method: .minMax)
        try calibrate(&calibration)
        var fixed = StaticInt8(try calibration.ranges()), dynamic = DynamicInt8()
        fixed.levels = .reduced
        dynamic.levels = .reduced
        let exact = try means(it.model, columns: it.columns, inner: it.inner)
        func error(_ quantizer: any Quantizer) throws -> Double {
            var model = it.model
            try quantizer.run(&model)
            try model.safetyCheck(checksFiles: false)
            return largest(try means(model, columns: it.columns, inner: it.inner), exact)
        }
        let before = try error(fixed)
        fixed.corrected = calibration.channels
        #expect(try error(fixed) < before * 0.7)
        if it.inner == 1 {
            let before = try error(dynamic)
            dynamic.corrected = calibration.channels
            #expect(try error(dynamic) < before * 0.7)
        }
    }

    @Test func statisticsOfAnotherModelAreRefused() throws {
        var quantizer = DynamicInt8(), model = Models.product()
        quantizer.corrected = ChannelStatistics()
        #expect(throws: QuantizationError.calibration(value: "x", problem: .missing)) { try quantizer.run(&model) }
        #expect(throws: QuantizationError.calibration(value: "x", problem: .missing)) { try Balancing(ChannelStatistics()).run(&model) }
        quantizer.corrected = try channels(
            Models.model(
                [Node("MatMul", ["x", "w"], ["y"], name: "product")], inputs: [("x", [.symbolic("n"), .fixed(32)])],
                initializers: [("w", Models.weight([32, 48]))]))
        #expect(throws: QuantizationError.calibration(value: "x", problem: .channels(found: 32, expected: 64))) {
            try quantizer.run(&model)
        }
    }

    // MARK: Balancing

    /// A normalization with a few large channels before two products; `form` says what it is made of.
    private func outliers(_ form: String) -> Model {
        let scale = Tensor(.float32, [64], (0..<64).map { Float($0 % 16 == 3 ? 60 : 1) }), shift = Models.weight([64], seed: 8) { _ in 0.2 }
        let normalization: [Node] =
            switch form {
            case "affine": [Node("Mul", ["g", "x"], ["scaled"]), Node("Add", ["scaled", "b"], ["h"])]
            case "scale": [Node("Mul", ["x", "g"], ["h"])]
            default: [Node("LayerNormalization", ["x", "g", "b"], ["h"])]
            }
        return Models.model(
            normalization + [
                Node("MatMul", ["h", "w0"], ["a"], name: "left"),
                Node("Gemm", ["h", "w1"], ["c"], name: "right", [Attribute("transB", .int(1))]),
                Node("Add", ["a", form == "residual" ? "h" : "c"], ["y"]),
            ], inputs: [("x", [.symbolic("n"), .fixed(64)])],
            initializers: [
                ("g", scale), ("b", shift), ("w0", Models.weight([64, 64]) { _ in 0.1 }),
                ("w1", Models.weight([64, 64], seed: 2) { _ in 0.1 }),
            ])
    }

    @Test(arguments: ["normalization", "affine", "scale", "residual"]) func balancedChannelsGiveTheSameAndRoundBetter(_ form: String) throws
    {
        let model = outliers(form)
        var balanced = model
        let report = try Balancing(try channels(model)).run(&balanced)
        try balanced.safetyCheck(checksFiles: false)
        #expect(report.quantized == ["left", "right"])
        // Where something else reads the value too, the division is a node of its own.
        let added =
            balanced.graph.nodes.filter { $0.operatorType == "Mul" }.count - model.graph.nodes.filter { $0.operatorType == "Mul" }.count
        #expect(added == (form == "residual" ? 1 : 0))
        let inputs = Models.rows(model, 16, seed: 77)
        let exact = try run(model, inputs)
        #expect(1 - cosine(try run(balanced, inputs), exact) < 1e-10)
        func error(_ model: Model) throws -> Double {
            var model = model
            try DynamicInt8().run(&model)
            return 1 - cosine(try run(model, inputs), exact)
        }
        #expect(try error(balanced) < error(model) / 2)
    }

    /// A value that a Gemm adds is read by more than products.
    @Test func aBiasIsNotBalanced() throws {
        var model = outliers("normalization")
        model.graph.nodes[2].inputs.append("h")
        var balanced = model
        try Balancing(try channels(model)).run(&balanced)
        #expect(balanced.graph.nodes.filter { $0.operatorType == "Mul" }.count == 1)
        let inputs = Models.rows(model, 16, seed: 77)
        #expect(1 - cosine(try run(balanced, inputs), try run(model, inputs)) < 1e-10)
    }

    /// A weight that is not finite keeps its value from being balanced, and says so.
    @Test func aWeightThatIsNotFiniteStays() throws {
        var model = outliers("normalization")
        let statistics = try channels(model)
        let position = try #require(model.graph.initializers.firstIndex { $0.name == "w1" })
        model.graph.initializers[position] = StoredTensor("w1", Tensor(.float32, [64, 64], [Float](repeating: .infinity, count: 64 * 64)))
        let left = ["left", "right"].map { LeftNode(name: $0, reason: .notFinite) }
        #expect(throws: QuantizationError.nothingToQuantize(left: left)) { try Balancing(statistics).run(&model) }
    }

    @Test func theStrengthIsAShare() throws {
        let model = outliers("normalization")
        var balancing = Balancing(try channels(model))
        for strength: Float in [-0.1, 1.1, .nan] {
            var copy = model
            balancing.strength = strength
            #expect(throws: QuantizationError.self) { try balancing.run(&copy) }
        }
        // With all of it in the weights, all channels of the activations reach to 1.
        balancing.strength = 1
        var copy = model
        try balancing.run(&copy)
        let largest = try channels(copy).largest(ChannelStatistics.Key(value: "h", axis: -1)) ?? []
        #expect(largest.count == 64 && largest.allSatisfy { abs($0 - 1) < 1e-3 })
    }
}
