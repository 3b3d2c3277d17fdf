import ConformanceSupport
import Engine
import ONNX
import Tensors
import Testing

/// A graph that counts: `total' = total + x * factor`, and gives the sum of `total'`.
struct StatefulSessionTests {
    private static func model(shape: Shape = [2]) throws -> Session {
        let type = ValueType.tensor(.float32, shape)
        let graph = Graph(
            name: "counter",
            nodes: [
                Node("Mul", ["x", "factor"], ["scaled"]), Node("Add", ["total", "scaled"], ["total next"]),
                Node("ReduceSum", ["total next"], ["sum"], [Attribute("keepdims", .int(0))]), Node("Identity", ["x"], ["echo"]),
            ],
            inputs: [
                Value("x", .tensor(.float32, [.symbolic("N")])), Value("total", type), Value("factor", .tensor(.float32, [] as Shape)),
            ],
            outputs: [
                Value("total next", type), Value("sum", .tensor(.float32, [] as Shape)), Value("echo", .tensor(.float32, [.symbolic("N")])),
            ])
        return try Session(
            model: Model(operatorSets: [OperatorSet(domain: "", version: 21)], graph: graph).serialized(), options: .training(threads: 1))
    }

    private static func slot(overwrites: Bool = false) -> StatefulSession.Slot {
        .init(name: "count", input: "total", output: "total next", elementType: .float32, shape: [2], overwrites: overwrites)
    }

    private func counter(_ start: [Float] = [0, 0], overwrites: Bool = false) throws -> StatefulSession {
        let session = try StatefulSession(
            Self.model(), slots: [Self.slot(overwrites: overwrites)], constants: ["factor": floats([], [10])], outputs: ["sum"])
        try session.write(["count": floats([2], start)])
        return session
    }

    private func run(_ session: StatefulSession, _ x: [Float]) throws -> Float? {
        try session.run([("x", floats([2], x))])[0].values(as: Float.self)?[0]
    }

    @Test(arguments: [false, true]) func outputsOfARunAreInputsOfTheNext(overwrites: Bool) throws {
        let session = try counter([1, 2], overwrites: overwrites)
        #expect(try run(session, [1, 0]) == 13)
        #expect(try run(session, [0, 1]) == 23)
        #expect(try run(session, [1, 1]) == 43)
        #expect(try session.value("count").values(as: Float.self) == [21, 22])
    }

    @Test(arguments: [false, true]) func valuesReadAreCopiesAndValuesWrittenCount(overwrites: Bool) throws {
        let session = try counter(overwrites: overwrites)
        let before = session.values
        _ = try run(session, [1, 1])
        #expect(before["count"]?.values(as: Float.self) == [0, 0])
        try session.write(before)
        #expect(try run(session, [0, 0]) == 0)
        let other = try counter()
        try other.write(["count": floats([2], [5, 5])])
        #expect(try run(other, [0, 0]) == 10)
    }

    @Test func currentValuesGoToAnotherSessionWithoutACopy() throws {
        let session = try counter([1, 2])
        _ = try run(session, [1, 1])
        let other = try Self.model()
        let inputs =
            session.inputs + [(name: "factor", value: .tensor(floats([], [0]))), (name: "x", value: .tensor(floats([2], [0, 0])))]
        #expect(try other.run(inputs, outputs: ["sum"])[0].floats == [23])
    }

    @Test func lastStepCanBeTakenBackOnce() throws {
        let session = try counter()
        #expect(!session.stepBack())
        _ = try run(session, [1, 1])
        _ = try run(session, [1, 1])
        #expect(session.stepBack())
        #expect(try session.value("count").values(as: Float.self) == [10, 10])
        #expect(!session.stepBack())
        #expect(try run(session, [1, 1]) == 40)
    }

    @Test func failedRunLeavesValuesAsTheyWere() throws {
        let session = try counter([1, 2])
        _ = try run(session, [1, 1])
        // Three elements do not broadcast against two.
        #expect(throws: EngineError.self) { try session.run([("x", floats([3], [1, 1, 1]))]) }
        #expect(try session.value("count").values(as: Float.self) == [11, 12])
        #expect(try run(session, [1, 1]) == 43)
    }

    @Test func inputsMustBeThoseOfTheBatch() throws {
        let session = try counter()
        #expect(throws: EngineError.missingInput("x", expected: "float[N]")) { try session.run([]) }
        #expect(throws: EngineError.self) { try session.run([("x", floats([2], [0, 0])), ("total", floats([2], [0, 0]))]) }
        #expect(throws: EngineError.self) { try session.write(["count": floats([3], [0, 0, 0])]) }
        #expect(throws: EngineError.self) { try session.write(["other": floats([2], [0, 0])]) }
        #expect(throws: EngineError.self) { try session.value("other") }
    }

    @Test func slotsBeginAtZeroAndOutputsHaveAFixedShape() throws {
        let session = try StatefulSession(Self.model(), slots: [Self.slot()], constants: ["factor": floats([], [1])], outputs: ["sum"])
        #expect(try run(session, [1, 2]) == 3)
        #expect(throws: EngineError.self) { try StatefulSession(Self.model(), slots: [Self.slot()], outputs: ["echo"]) }
    }
}
