import ConformanceSupport
import Engine
import Foundation
import Tensors
import Testing

/// A bound session gives the same outputs as a plain run, whatever the engine does with the memory that is bound for an output.
@Suite struct BoundOutputTests {
    private func session(_ name: String) throws -> Session { try Fixture.session(name) }

    @Test(arguments: [
        "input-is-output", "outputs-twice", "empty-output", "alias-outputs", "constant-outputs", "mlp", "mlp-fixed", "zipmap", "strings",
        "empty-strings",
    ])
    func everyOutputIsThePlainRuns(name: String) throws {
        for optimization in [SessionOptions.Optimization.none, .all] {
            let session = try Fixture.session(name, SessionOptions(optimization: optimization))
            let rows = try #require(session.inputs[0].dimensions?[0].value ?? 5)
            let width = session.inputs[0].dimensions?[1].value ?? 1
            let count = rows * width
            let tensor =
                session.inputs[0].elementType == .string
                ? Tensor(strings: (0..<count).map { "text \($0)" }, shape: [rows, width])
                : floats([rows, width], (0..<count).map { Float($0) - 3 })
            let comparison = BoundComparison(session, rows: [session.inputs[0].name: tensor])
            #expect(comparison.run() == .same, "\(name)")
        }
    }

    @Test func anInputThatIsAnOutputIsHandedOut() throws {
        let session = try session("input-is-output")
        let bound = try BoundSession(session, plan: BatchPlan(of: session), capacity: 4)
        for values in [[1, -2, 3, -4], [5, 6, -7, 8]] as [[Float]] {
            values.withUnsafeBytes { bound.buffer(0).mutableBytes.copyMemory(from: $0) }
            let outputs = try bound.run(rows: 2)
            #expect(outputs.map(\.floats) == [values.map { max($0, 0) }, values])
        }
    }

    @Test func anOutputThatIsNamedTwiceIsOne() throws {
        let session = try session("outputs-twice")
        #expect(session.outputs.map(\.name) == ["y", "x"])
        #expect(try session.run([floats([1, 2], [-1, 2])]).map(\.floats) == [[0, 2], [-1, 2]])
    }

    @Test func anOutputWithoutElementsHasItsShape() throws {
        let session = try session("empty-output")
        let bound = try BoundSession(session, plan: BatchPlan(of: session), capacity: 4)
        #expect(try bound.run(rows: 3)[0].tensor?.shape == [3, 0])
    }

    /// The engine's own memory of the last run is not taken for the next, which needs another shape.
    @Test func anOutputMayChangeItsShapeFromRunToRun() throws {
        let session = try session("varying-output")
        let bound = try BoundSession(session, plan: BatchPlan(of: session), capacity: 2)
        for positive in [1, 3, 2, 4] {
            let values = (0..<8).map { Float($0 % 4 < positive ? $0 + 1 : -1 - $0) }
            values.withUnsafeBytes { bound.buffer(0).mutableBytes.copyMemory(from: $0) }
            let output = try bound.run(rows: 2)[0]
            #expect(output.tensor?.shape == [2, positive])
            #expect(output.floats == (try session.run([floats([2, 4], values)]))[0].floats)
        }
    }
}
