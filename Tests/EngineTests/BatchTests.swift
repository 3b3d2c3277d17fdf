import ConformanceSupport
import Engine
import Foundation
import Names
import Tensors
import TestSupport
import Testing

@Suite struct BatchPlanTests {
    @Test func dynamicAndFixedBatches() throws {
        let dynamic = try BatchPlan(of: Fixture.session("mlp"))
        #expect(dynamic.fixedRows == nil && dynamic.rows(wanted: 100) == 100)
        #expect(dynamic.inputs.map(\.rowShape) == [[4]])
        let fixed = try BatchPlan(of: Fixture.session("mlp-fixed"))
        #expect(fixed.fixedRows == 4 && fixed.rows(wanted: 100) == 4)
    }

    @Test func whatHasNoBatchAxisIsRefused() throws {
        #expect(throws: EngineError.noBatchAxis(name: "condition", detail: "its shape is not stated or it is a scalar")) {
            try BatchPlan(of: Fixture.session("if"))
        }
        #expect(throws: EngineError.noBatchAxis(name: "s", detail: "it takes seq(float[]); only tensors can be filled from rows")) {
            try BatchPlan(of: Fixture.session("sequence-input"))
        }
        #expect(throws: EngineError.noBatchAxis(name: "shape", detail: "its first axis is fixed at 2, that of 'x' at 4")) {
            try BatchPlan(of: Fixture.session("two-batches"))
        }
        #expect(throws: EngineError.noBatchAxis(name: "x", detail: "the extent of its axis 'T' must be given")) {
            try BatchPlan(of: Fixture.session("open-axis"))
        }
    }

    @Test func openAxesAndOtherInputsAreGiven() throws {
        let plan = try BatchPlan(of: Fixture.session("open-axis"), rowShapes: ["x": [5]])
        #expect(plan.inputs[0].rowShape == [5])
        #expect(throws: EngineError.self) { try BatchPlan(of: Fixture.session("mlp"), rowShapes: ["x": [5]]) }
        let session = try Fixture.session("if")
        let bound = try BoundSession(
            session, plan: BatchPlan(of: session, constants: ["condition": Tensor(.bool, [], [false])]), capacity: 3)
        bound.buffer(0).fill([1, 2, 3] as [Float])
        #expect(try bound.run(rows: 2)[0].floats == [3, 6])
    }
}

@Suite struct BoundSessionTests {
    private func rows(_ count: Int, seed: UInt64 = 1) -> [Float] {
        var generator = SeededGenerator(seed: seed)
        return (0..<(count * 4)).map { _ in Float.random(in: -1...1, using: &generator) }
    }

    @Test func memoryIsReusedForEveryBatchSize() throws {
        let session = try Fixture.session("mlp")
        let bound = try BoundSession(session, plan: BatchPlan(of: session), capacity: 16)
        var addresses: Set<UnsafeRawPointer> = []
        for (seed, count) in [16, 16, 7, 1, 16, 7].enumerated() {
            let x = rows(count, seed: UInt64(seed))
            bound.buffer(0).fill(x)
            let got = try bound.run(rows: count)
            let expected = try session.run([floats([count, 4], x)])
            try #require(got.map { $0.tensor?.shape } == [[count, 3], [count, 3]])
            #expect(got.map(\.floats) == expected.map(\.floats))
            addresses.insert(try #require(got[0].tensor?.bytes.baseAddress))
        }
        #expect(addresses.count == 1)
    }

    @Test(arguments: [1, 2, 3, 4])
    func theLastBatchOfAFixedModelIsPaddedAndCut(count: Int) throws {
        let session = try Fixture.session("mlp-fixed")
        let bound = try BoundSession(session, plan: BatchPlan(of: session), capacity: 100)
        #expect(bound.capacity == 4)
        bound.buffer(0).fill([Float](repeating: .nan, count: 16))
        let x = rows(count)
        bound.buffer(0).fill(x)
        let got = try bound.run(rows: count)
        #expect(got.map { $0.tensor?.shape } == [[count, 3], [count, 3]])
        #expect(got.map(\.floats) == (try Fixture.session("mlp").run([floats([count, 4], x)])).map(\.floats))
    }

    /// Padding repeats a row, so that what mixes rows sees no value that was not there.
    @Test func paddingRepeatsTheLastRow() throws {
        let session = try Fixture.session("batch-maximum")
        let bound = try BoundSession(session, plan: BatchPlan(of: session), capacity: 4)
        bound.buffer(0).fill([9, 9, 9, 9] as [Float])
        bound.buffer(0).fill([-3, -2] as [Float])
        #expect(try bound.run(rows: 2)[0].floats == [-2, -2])
    }

    @Test func stringsArePaddedAndCut() throws {
        let session = try Fixture.session("strings")
        let bound = try BoundSession(session, plan: BatchPlan(of: session), capacity: 4)
        bound.setStrings(["a", "b", "c"], 0)
        let output = try bound.run(rows: 3)[0]
        #expect(output.strings == ["a", "b", "c"])
        #expect(output.tensor?.shape == [3, 1])
        #expect(throws: EngineError.self) { try bound.setStringsAndRun(["a"], rows: 4) }
    }

    @Test func sequencesOfMapsBecomeColumns() throws {
        let session = try Fixture.session("zipmap-int64")
        let bound = try BoundSession(session, plan: BatchPlan(of: session), capacity: 8)
        for count in [8, 3] {
            bound.buffer(0).fill((0..<(count * 2)).map { Float($0) - 5 })
            let outputs = try bound.run(rows: count)
            #expect(outputs[0].tensor?.shape == [count])
            let columns = try #require(MapColumns(outputs[1]))
            #expect(columns.keys.values(as: Int64.self) == [7, 9])
            #expect(columns.values.shape == [count, 2])
            let values = try #require(columns.values.values(as: Float.self))
            #expect((0..<count).allSatisfy { abs(values[$0 * 2] + values[$0 * 2 + 1] - 1) < 1e-6 })
        }
        #expect(MapColumns(.none) == nil)
        #expect(MapColumns(.sequence([.tensor(floats([1], [1]))])) == nil)
    }

    @Test func outputsWithoutABatchAxisAreRefused() throws {
        let session = try Fixture.session("no-batch-output")
        let bound = try BoundSession(session, plan: BatchPlan(of: session), capacity: 4)
        bound.buffer(0).fill([Float](repeating: 1, count: 8))
        #expect(throws: EngineError.noBatchAxis(name: "y", detail: "its shape is [2] for a batch of 4 rows")) { try bound.run(rows: 4) }
    }

    @Test func onlyTheOutputsAskedFor() throws {
        let session = try Fixture.session("zipmap")
        let plan = try BatchPlan(of: session)
        let bound = try BoundSession(session, plan: plan, capacity: 2, outputs: ["probabilities"])
        bound.buffer(0).fill([1, 1, -1, -1] as [Float])
        let outputs = try bound.run(rows: 2)
        #expect(outputs.count == 1 && outputs[0].elements?.count == 2)
        #expect(throws: EngineError.unknownOutput("z", known: ["label", "probabilities"])) {
            try BoundSession(session, plan: plan, capacity: 2, outputs: ["z"])
        }
        let mlp = try Fixture.session("mlp")
        let turned = try BoundSession(mlp, plan: BatchPlan(of: mlp), capacity: 1, outputs: ["p", "logits"])
        turned.buffer(0).fill([1, 2, 3, 4] as [Float])
        #expect(try turned.run(rows: 1).map(\.floats) == mlp.run([floats([1, 4], [1, 2, 3, 4])]).map(\.floats).reversed())
    }

    /// The declared shape promises more than the model does: memory that was bound for it cannot be used.
    @Test func outputsThatBreakTheirDeclaredShapeAreTaken() throws {
        let session = try Fixture.session("false-shape", SessionOptions(optimization: .none))
        let bound = try BoundSession(session, plan: BatchPlan(of: session), capacity: 4)
        bound.buffer(0).fill([1, 2, 3, 4] as [Float])
        for _ in 0..<2 { #expect(try bound.run(rows: 2)[0].floats == [1, 1, 2, 2]) }
        #expect(try bound.run(rows: 1)[0].floats == [1, 1])
    }

    @Test func aBoundRunIsCancelled() throws {
        let session = try Fixture.session("mlp")
        let bound = try BoundSession(session, plan: BatchPlan(of: session), capacity: 4)
        let cancellation = try Cancellation()
        cancellation.cancel()
        #expect(throws: EngineError.cancelled) { try bound.run(rows: 4, cancellation: cancellation) }
        _ = try bound.run(rows: 4)
    }
}

extension TensorBuffer {
    func fill<Scalar: BitwiseCopyable>(_ values: [Scalar]) {
        values.withUnsafeBytes { mutableBytes.copyMemory(from: $0) }
    }
}

extension BoundSession {
    fileprivate func setStringsAndRun(_ strings: [String], rows: Int) throws {
        setStrings(strings, 0)
        _ = try run(rows: rows)
    }
}
