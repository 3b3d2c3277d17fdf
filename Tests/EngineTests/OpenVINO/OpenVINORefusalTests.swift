import ConformanceSupport
import Foundation
import Machine
import ONNX
import Reasons
import Tensors
import Testing

@testable import Engine

/// What OpenVINO would do otherwise than ONNX Runtime, in silence, is refused by name.
@Suite(.enabled(if: OpenVINO.isThere)) struct OpenVINORefusalTests {
    private func session(_ nodes: [Node], _ inputs: [Value], _ outputs: [Value], options: SessionOptions = .openVINO) throws -> Session {
        let graph = Graph(name: "g", nodes: nodes, inputs: inputs, outputs: outputs)
        return try Session(model: Model(operatorSets: [OperatorSet(domain: "", version: 21)], graph: graph).serialized(), options: options)
    }

    private func rows(_ name: String, _ type: ElementType = .float32, _ more: Tensors.Dimension...) -> Value {
        Value(name, .tensor(type, [.symbolic("N")] + more))
    }

    @Test func operatorsThatItLacksAreNamed() throws {
        #expect(
            throws: EngineError.unsupportedOperator(
                name: "com.acme.Frobnicate", node: "", detail: "it has no conversion rule", by: .openVINO)
        ) { try Fixture.session("missing-operator", .openVINO) }
        let error = #expect(throws: EngineError.self) { try Fixture.session("unknown-operator", .openVINO) }
        #expect("\(error!)".contains("OpenVINO \(OpenVINO.version) has no implementation of operator Frobnicate"))
        #expect(throws: EngineError.self) { try Fixture.session("invalid", .openVINO) }
        #expect(throws: EngineError.self) { try Session(model: Data([1, 2, 3]), options: .openVINO) }
    }

    @Test(arguments: [
        ("strings", "string"), ("zipmap", "string"), ("sequence-input", "seq"), ("map-input", "opaque"), ("optional", "optional"),
    ])
    func onlyTensorsOfNumbersAreTaken(name: String, type: String) throws {
        let error = #expect(throws: EngineError.self) { try Fixture.session(name, .openVINO) }
        #expect("\(error!)".contains("OpenVINO \(OpenVINO.version) does not carry element type \(type)"), "\(error!)")
    }

    /// OpenVINO computes these types in 32 bits; 3,000,000,000 comes back as -1,294,967,296.
    @Test func integersOfMoreThan32BitsAreRefused() throws {
        let session = try session([Node("Add", ["x", "x"], ["y"])], [rows("x", .int64)], [rows("y", .int64)])
        #expect(try session.run([Tensor(.int64, [3], [1, -2_000_000_000, 7] as [Int64])])[0].int64s?.first == 2)
        for wide in [3_000_000_000, -3_000_000_000, Int64.max] {
            let error = #expect(throws: EngineError.self) { try session.run([Tensor(.int64, [2], [7, wide])]) }
            #expect("\(error!)".contains("input 'x' has \(wide), and OpenVINO computes int64 in 32 bits"))
            #expect("\(error!.reason.text)".contains("\(wide)") == false)
        }
        let bound = try BoundSession(session, plan: BatchPlan(of: session), capacity: 2)
        bound.buffer(0).fill([1, 2] as [Int64])
        #expect(try bound.run(rows: 2)[0].int64s == [2, 4])
        bound.buffer(0).fill([1, 1 << 40] as [Int64])
        #expect(throws: EngineError.self) { try bound.run(rows: 2) }
        #expect(try bound.run(rows: 1)[0].int64s == [2])
    }

    /// OpenVINO gives a product of no rows for two tensors of 3 and 2 rows.
    @Test func axesOfOneNameHaveOneExtent() throws {
        let session = try session(
            [Node("Mul", ["a", "b"], ["y"])], [rows("a", .float32, .fixed(2)), rows("b", .float32, .fixed(2))],
            [rows("y", .float32, .fixed(2))])
        let a = floats([3, 2], [1, 2, 3, 4, 5, 6])
        #expect(try session.run([a, a])[0].floats == [1, 4, 9, 16, 25, 36])
        #expect(throws: EngineError.wrongShape(input: "b", expected: "float[N, 2] with N = 3 as in 'a'", found: "[2, 2]")) {
            try session.run([a, floats([2, 2], [1, 2, 3, 4])])
        }
    }

    @Test func inputsThatNothingReadsAreTaken() throws {
        let session = try session(
            [Node("Identity", ["x"], ["y"]), Node("Identity", ["y"], ["z"])], [rows("unused", .int64), rows("x")], [rows("z"), rows("y")])
        #expect(session.inputs.map(\.name) == ["unused", "x"] && session.outputs.map(\.name) == ["z", "y"])
        let outputs = try session.run([Tensor(.int64, [2], [Int64.max, 0]), floats([2], [3, 4])])
        #expect(outputs.map(\.floats) == [[3, 4], [3, 4]])
        #expect(throws: EngineError.missingInput("unused", expected: "int64[N]")) { try session.run([("x", .tensor(floats([1], [1])))]) }
    }

    @Test func aScalarIsNoVector() throws {
        let session = try session(
            [Node("Mul", ["x", "factor"], ["y"])], [rows("x"), Value("factor", .tensor(.float32, [] as Shape))], [rows("y")])
        #expect(try session.run([floats([2], [1, 2]), floats([], [3])])[0].floats == [3, 6])
        #expect(throws: EngineError.wrongShape(input: "factor", expected: "float[]", found: "[2]")) {
            try session.run([floats([2], [1, 2]), floats([2], [3, 4])])
        }
    }

    /// OpenVINO reads such a file from the working directory.
    @Test func externalDataIsRefused() throws {
        let error = #expect(throws: EngineError.self) { try Fixture.session("external", .openVINO) }
        guard case .externalData("external.weights", _) = error else { Issue.record("\(error!)"); return }
    }

    @Test(arguments: [
        SessionOptions(optimization: .none), SessionOptions(spinning: true), SessionOptions(memoryArena: false),
        SessionOptions(memoryPattern: true),
        SessionOptions(prepacking: false), SessionOptions(deterministic: true), SessionOptions(freeDimensions: ["N": 2]),
    ])
    func optionsThatItLacksAreRefused(options: SessionOptions) throws {
        var options = options
        options.engine = .openVINO(.float32)
        let error = #expect(throws: EngineError.self) { try Fixture.session("mlp", options) }
        #expect("\(error!)".hasPrefix("OpenVINO \(OpenVINO.version): it has no option "), "\(error!)")
    }

    @Test func preparedModelsAreRefused() throws {
        let path = Fixture.directory.appendingPathComponent("mlp.onnx").path
        #expect(throws: EngineError.engine("reads no prepared models", by: .openVINO)) { try Session(prepared: path, options: .openVINO) }
        #expect(throws: EngineError.engine("prepares no models", by: .openVINO)) {
            try Session.prepare(path, graph: -1, weights: -1, options: .openVINO)
        }
    }

    @Test func aModelThatFailsSaysSo() throws {
        let session = try session(
            [Node("Reshape", ["x", "shape"], ["y"])], [rows("x"), Value("shape", .tensor(.int64, [.fixed(2)]))],
            [Value("y", .tensor(.float32, [.unknown, .unknown]))])
        #expect(try session.run([floats([4], [1, 2, 3, 4]), Tensor(.int64, [2], [2, 2] as [Int64])])[0].tensor?.shape == [2, 2])
        let error = #expect(throws: EngineError.self) {
            try session.run([floats([3], [1, 2, 3]), Tensor(.int64, [2], [2, 2] as [Int64])])
        }
        guard case .runFailed = error else { Issue.record("\(error!)"); return }
        #expect(!"\(error!)".contains(".cpp"), "\(error!)")
    }

    @Test func aRunIsCancelledFromAnotherThread() throws {
        let width = 256
        let nodes = (0..<400).map { Node("MatMul", [$0 == 0 ? "x" : "h\($0)", "w"], [$0 == 399 ? "y" : "h\($0 + 1)"]) }
        let shape: [Tensors.Dimension] = [.symbolic("N"), .fixed(width)]
        let session = try session(
            nodes, [Value("x", .tensor(.float32, shape)), Value("w", .tensor(.float32, [.fixed(width), .fixed(width)]))],
            [Value("y", .tensor(.float32, shape))])
        let x = floats([4096, 256], Array(repeating: 0, count: 4096 * width)),
            w = floats([256, 256], Array(repeating: 0, count: width * width))
        let cancellation = try Cancellation()
        Thread.detachNewThread {
            Thread.sleep(forTimeInterval: 0.05); cancellation.cancel()
        }
        #expect(throws: EngineError.cancelled) { try session.run([x, w], cancellation: cancellation) }
        // It stays cancelled; the session does not.
        #expect(throws: EngineError.cancelled) {
            try session.run([floats([1, 256], Array(repeating: 0, count: width)), w], cancellation: cancellation)
        }
        #expect(try session.run([floats([1, 256], Array(repeating: 0, count: width)), w])[0].tensor?.shape == [1, 256])
    }
}
