import ConformanceSupport
import Engine
import ONNX
import Tensors
import TestSupport
import Testing

@testable import Quantization

/// Where pairs stand, and what calibration wants.
@Suite struct StaticTests {
    private func calibrated(_ model: Model, _ method: RangeMethod = .minMax, exclude: Set<String> = []) throws -> (
        model: Model, report: QuantizationReport
    ) {
        var calibration = try Calibration(model, method: method, exclude: exclude)
        try calibrate(&calibration)
        var quantizer = StaticInt8(try calibration.ranges())
        quantizer.exclude = exclude
        var result = model
        let report = try quantizer.run(&result)
        try result.safetyCheck(checksFiles: false)
        #expect(try result.inferTypes().contradictions.isEmpty)
        return (result, report)
    }

    /// The values that have a pair, in the order of the nodes.
    private func paired(_ model: Model) -> [String] {
        model.graph.nodes.filter { $0.operatorType == "QuantizeLinear" }.map { $0.inputs[0] }
    }

    @Test func pairsStandWhereEnginesFuseThem() throws {
        let (model, report) = try calibrated(Models.residual())
        #expect(report == QuantizationReport(quantized: ["stem", "first", "second", "head"], left: []))
        // No pair between a Conv and its Relu, nor at the output.
        #expect(paired(model) == ["x", "a1", "a2", "a4", "a5", "a7", "a8", "a9"])
        let nodes = Dictionary(uniqueKeysWithValues: model.graph.nodes.filter { !$0.name.isEmpty }.map { ($0.name, $0) })
        #expect(nodes["shortcut"]?.inputs == ["a5/rounded", "a2/rounded"] && nodes["relu2"]?.inputs == ["a6"])
        #expect(nodes["first"]?.inputs == ["a2/rounded", "w1/float", "a3/bias/float"])
        // A pooling keeps the scale of what it pools.
        let scales = model.graph.nodes.filter { $0.operatorType == "QuantizeLinear" }.map { $0.inputs[1] }
        #expect(scales == ["x/scale", "a1/scale", "a1/scale", "a4/scale", "a5/scale", "a7/scale", "a8/scale", "a8/scale"])
        #expect(model.graph.initializer("a1/zero").flatMap { try? $0.tensor().values(as: UInt8.self) } == [0])
    }

    @Test func aTransformerHasPairsBeforeItsProducts() throws {
        let (model, report) = try calibrated(Models.transformer())
        #expect(report.quantized == ["query", "key", "value", "out", "up", "down"])
        #expect(paired(model) == ["norm0", "context", "norm1", "gelu"])
        // What is added to a residual stays in float.
        let shortcut = model.graph.nodes.first { $0.outputs == ["middle"] }
        #expect(shortcut?.inputs.first == "norm0")
    }

    @Test func whatIsExcludedReadsFloat() throws {
        let (model, report) = try calibrated(Models.residual(), exclude: ["first", "mean"])
        #expect(report.quantized == ["stem", "second", "head"] && report.left == [LeftNode(name: "first", reason: .excluded)])
        // The pooling that is excluded reads float, and so does what lies before it; what moves its result does so in float.
        #expect(paired(model) == ["x", "a1", "a4", "a5", "a9"])
        #expect(model.graph.initializer("w1")?.elementType == .float32)
    }

    @Test func outputsOfTheModelStayInFloat() throws {
        var model = Models.residual()
        model.graph.outputs += ["a4", "a7"].map { Value($0, .tensor(.float32, nil)) }
        let (result, _) = try calibrated(model)
        #expect(result.graph.outputs == model.graph.outputs)
        #expect(result.graph.nodes.contains { $0.operatorType == "Relu" && $0.outputs == ["a4"] })
        let inputs = Models.rows(model, 8, seed: 3)
        #expect(try run(result, inputs).count == 8 * 24)
    }

    @Test(arguments: [RangeMethod.minMax, .percentile(99.9), .entropy, .meanSquaredError])
    func theResultIsNearTheFloatModel(_ method: RangeMethod) throws {
        // Of few rows, entropy cuts much: it is made for thousands of them.
        let least = method == .entropy ? 0.99 : 0.999
        for original in [Models.residual(), Models.transformer()] {
            let (model, _) = try calibrated(original, method)
            let inputs = Models.rows(original, 16, seed: 900)
            let found = cosine(try run(model, inputs), try run(original, inputs))
            #expect(found > least && found < 1, "\(method): \(found)")
        }
    }

    // MARK: Calibration

    private func problem(_ body: () throws -> Void) -> CalibrationProblem? {
        do { try body() } catch QuantizationError.calibration(_, let problem) { return problem } catch {}
        return nil
    }

    @Test func whatIsWrongWithTheRowsHasAName() throws {
        var calibration = try Calibration(Models.product(), method: .minMax)
        #expect(calibration.values == ["x"] && calibration.model.graph.outputs.map(\.name) == ["y"])
        #expect(problem { _ = try calibration.ranges() } == .missing)
        let rows = Models.weight([4, 64])
        try calibration.observe("x", rows)
        #expect(problem { _ = try calibration.ranges() } == .tooFewRows(found: 4, least: 8))
        #expect(problem { try calibration.observe("y", rows) } == .notAsked)
        #expect(problem { try calibration.observe("x", Tensor(.float64, [1], [1.0])) } == .elementType(.float64))
        #expect(problem { try calibration.observe("x", Models.weight([4, 63])) } == .channels(found: 63, expected: 64))
        for number in [Float.nan, .infinity, -.infinity] {
            #expect(
                problem { try calibration.observe("x", Tensor(.float32, [1, 64], [Float](repeating: number, count: 64))) } == .notFinite)
        }
        try calibration.observe("x", rows)
        #expect(try calibration.ranges()["x"] != nil)
        var constant = try Calibration(Models.product(), method: .entropy)
        try constant.observe("x", Tensor(.float32, [8, 64], [Float](repeating: 2, count: 8 * 64)))
        #expect(problem { _ = try constant.ranges() } == .constant(2))
        var model = Models.product()
        #expect(problem { try StaticInt8(ActivationRanges()).run(&model) } == .missing)
        #expect(throws: QuantizationError.self) { try Calibration(Models.product(), method: .percentile(0.5)) }
    }

    /// Rows in other batches and another order give the same ranges, to the bit.
    @Test(arguments: [RangeMethod.minMax, .percentile(99), .entropy, .meanSquaredError])
    func batchesDoNotMatter(_ method: RangeMethod) throws {
        let rows = (0..<6).map { Models.weight([4, 64], seed: UInt64($0)) { Float($0 + 1) / 7 } }
        func ranges(_ lots: [Tensor]) throws -> ActivationRanges {
            var calibration = try Calibration(Models.product(), method: method)
            for lot in lots { try calibration.observe("x", lot) }
            return try calibration.ranges()
        }
        let whole = Tensor(.float32, [24, 64], rows.reversed().flatMap { $0.values(as: Float.self) ?? [] })
        #expect(try ranges(rows) == ranges([whole]))
    }
}
