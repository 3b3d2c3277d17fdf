import ConformanceSupport
import Foundation
import ONNX
import Synchronization
import Tensors
import Testing

@testable import Engine

/// Weights that a session is given beside its model.
@Suite struct SessionWeightsTests {
    struct Case: CustomTestStringConvertible, Sendable {
        let testDescription: String
        let model: Model
        let inputs: [Tensor]

        init(_ name: String, _ model: Model, _ inputs: [Tensor]) {
            testDescription = name
            self.model = model
            self.inputs = inputs
        }
    }

    private static func values(_ count: Int) -> [Float] { (0..<count).map { Float(($0 * 37) % 19 - 9) / 8 } }

    private static func model(
        _ nodes: [Node], _ weights: [StoredTensor], irVersion: Int64 = 8, domains: [OperatorSet] = [OperatorSet(domain: "", version: 21)],
        input: ValueType = .tensor(.float32, [.symbolic("N"), .fixed(16)]), inputs: [Value] = []
    ) -> Model {
        let graph = Graph(
            name: "weights", nodes: nodes, inputs: [Value("x", input)] + inputs,
            outputs: [Value("y", .tensor(.float32, [.symbolic("N"), .fixed(32)]))], initializers: weights)
        return Model(irVersion: irVersion, operatorSets: domains, graph: graph)
    }

    private static let matrix = StoredTensor("w", .float32, [16, 32], values(512))
    private static let rows = floats([3, 16], values(48))
    private static let product = model([Node("MatMul", ["x", "w"], ["y"], name: "product")], [matrix])

    static let cases: [Case] = {
        let weightInput = Value("w", .tensor(.float32, [.fixed(16), .fixed(32)]))
        let branch: (String, [String]) -> Graph = { type, inputs in
            Graph(
                name: type, nodes: [Node(type, inputs, ["b" + type])], inputs: [],
                outputs: [Value("b" + type, .tensor(.float32, [.symbolic("N"), .fixed(32)]))])
        }
        let choice = Node(
            "If", ["always"], ["y"],
            [
                Attribute("then_branch", .graph(branch("MatMul", ["x", "w"]))),
                Attribute("else_branch", .graph(branch("Gemm", ["x", "w"]))),
            ])
        let buffer = TensorBuffer(byteCount: 256)
        for position in 0..<256 { buffer.mutableBytes[position] = UInt8(position * 7 % 256) }
        let packed = Tensor(elementType: .int4, shape: [16, 32], buffer: buffer)
        return [
            Case("product", product, [rows]),
            Case(
                "a bias of few bytes too",
                model(
                    [Node("Gemm", ["x", "w", "b"], ["y"])], [matrix, StoredTensor("b", .float32, [1], [0.5] as [Float])]), [rows]),
            Case("in a branch", model([choice], [matrix, StoredTensor("always", .bool, [], [true])]), [rows]),
            Case(
                "also an input, before IR version 4",
                model(
                    [Node("MatMul", ["x", "w"], ["y"])], [matrix], irVersion: 3, domains: [OperatorSet(domain: "", version: 8)],
                    inputs: [weightInput]), [rows]),
            Case("an input with a default", model([Node("MatMul", ["x", "w"], ["y"])], [matrix], inputs: [weightInput]), [rows]),
            Case(
                "of another domain alone",
                model(
                    [Node("FusedMatMul", ["x", "w"], ["y"], domain: "com.microsoft")], [matrix],
                    domains: [OperatorSet(domain: "com.microsoft", version: 1)]),
                [rows]),
            Case(
                "gathered",
                model(
                    [Node("Gather", ["w", "x"], ["y"])], [matrix], input: .tensor(.int64, [.symbolic("N")])),
                [Tensor(.int64, [3], [1, 0, 15] as [Int64])]),
            Case(
                "float16",
                model(
                    [Node("Cast", ["w"], ["wide"], [Attribute("to", .int(1))]), Node("MatMul", ["x", "wide"], ["y"])],
                    [StoredTensor("w", .float16, [16, 32], values(512).map { Float16($0) })]), [rows]),
            Case(
                "int4",
                model(
                    [Node("DequantizeLinear", ["w", "scale"], ["wide"]), Node("MatMul", ["x", "wide"], ["y"])],
                    [
                        StoredTensor("w", packed),
                        StoredTensor("scale", .float32, [], [0.25] as [Float]),
                    ]), [rows]),
        ]
    }()

    private static func apart(_ model: Model) throws -> (Data, SessionWeights) {
        let names = model.graph.initializers.filter { ($0.byteCount ?? 0) > 1 }.map(\.name)
        var rest = model
        rest.lift(names)
        return (
            try rest.serialized(),
            SessionWeights(names) { name throws(EngineError) in
                do { return try model.graph.initializer(name)!.tensor() } catch { throw .externalData(file: name, detail: "\(error)") }
            }
        )
    }

    @Test(arguments: cases, SessionOptions.Optimization.allCases)
    func weightsBesideTheModelAreItsOwn(test: Case, optimization: SessionOptions.Optimization) throws {
        let options = SessionOptions(optimization: optimization)
        let whole = try Session(model: test.model.serialized(), options: options)
        let (rest, weights) = try Self.apart(test.model)
        let session = try Session(model: rest, weights: weights, options: options)
        #expect(session.inputs == whole.inputs)
        #expect(session.outputs == whole.outputs)
        let expected = try whole.run(test.inputs)[0].floats
        #expect(try session.run(test.inputs)[0].floats == expected)
        #expect(expected?.contains { $0 != 0 } ?? false)
    }

    @Test(.enabled(if: OpenVINO.isThere), arguments: cases)
    func openVINOTakesWeightsBesideTheModel(test: Case) throws {
        // With its optimizations ONNX Runtime rounds what is multiplied by int4.
        let expected = try Session(model: test.model.serialized(), options: SessionOptions(optimization: .none)).run(test.inputs)[0]
        let (rest, weights) = try Self.apart(test.model)
        let session: Session
        do { session = try Session(model: rest, weights: weights, options: .openVINO) } catch {
            // What it refuses beside the model, it refuses in it.
            #expect(throws: error) { try Session(model: test.model.serialized(), options: .openVINO) }
            #expect(test.testDescription == "of another domain alone")
            return
        }
        #expect(session.inputs.map(\.name) == ["x"])
        #expect(ValueComparison.difference(try session.run(test.inputs)[0], expected) == nil)
    }

    @Test(.enabled(if: OpenVINO.isThere)) func openVINORefusesAWeightOfAnotherShape() throws {
        let model = try Self.lifted(Self.product)
        let weights = SessionWeights(["w"]) { _ throws(EngineError) in floats([8, 32], Self.values(256)) }
        #expect(throws: EngineError.wrongShape(input: "w", expected: "[16, 32]", found: "[8, 32]")) {
            try Session(model: model, weights: weights, options: .openVINO)
        }
    }

    /// The buffer of a weight, as long as anyone has it.
    private final class Held: Sendable {
        private struct Reference { weak var buffer: TensorBuffer? }
        private let reference = Mutex(Reference())
        var isAlive: Bool { reference.withLock { $0.buffer != nil } }

        func weights(_ name: String, _ values: [Float]) -> SessionWeights {
            SessionWeights([name]) { _ throws(EngineError) in
                let tensor = floats([16, 32], values)
                if case .buffer(let buffer) = tensor.storage { self.reference.withLock { $0.buffer = buffer } }
                return tensor
            }
        }
    }

    private static func lifted(_ model: Model) throws -> Data {
        var model = model
        model.lift(["w"])
        return try model.serialized()
    }

    @Test func aWeightIsGivenBackOnceItIsLaidOutForTheKernel() throws {
        let held = Held()
        let session = try Session(model: Self.lifted(Self.product), weights: held.weights("w", Self.values(512)))
        #expect(!held.isAlive)
        #expect(try session.run([Self.rows])[0].floats?.count == 96)
    }

    @Test func aWeightThatIsUsedAsItIsLivesAsLongAsTheSession() throws {
        let held = Held()
        var session: Session? = try Session(
            model: Self.lifted(Self.product), weights: held.weights("w", Self.values(512)), options: SessionOptions(prepacking: false))
        #expect(held.isAlive)
        #expect(try session?.run([Self.rows])[0].floats?.count == 96)
        session = nil
        #expect(!held.isAlive)
    }

    @Test func aModelThatIsRefusedGivesItsWeightsBack() throws {
        let held = Held()
        let model = Self.model([Node("NoSuchOperator", ["x", "w"], ["y"])], [Self.matrix])
        #expect(throws: EngineError.self) { try Session(model: Self.lifted(model), weights: held.weights("w", Self.values(512))) }
        #expect(!held.isAlive)
    }

    @Test func aWeightThatCannotBeReadEndsIt() throws {
        let model = try Self.lifted(Self.product)
        let refusal = EngineError.externalData(file: "w", detail: "gone")
        #expect(throws: refusal) { try Session(model: model, weights: SessionWeights(["w"]) { _ throws(EngineError) in throw refusal }) }
    }

    @Test func aWeightOfAnotherShapeIsRefused() throws {
        let model = try Self.lifted(Self.product)
        #expect(throws: EngineError.self) {
            try Session(model: model, weights: SessionWeights(["w"]) { _ throws(EngineError) in floats([8, 32], Self.values(256)) })
        }
    }
}
