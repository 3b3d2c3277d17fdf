import Columnar
import Foundation
import ONNX
import Recipes
import Tensors
import TestSupport
import Testing
import TrainingGraph

@testable import Training

/// What a gate judges by is measured on the held-out rows and on no other: here their labels contradict those that are learnt from.
@Suite struct HeldOutFiguresTests {
    private static let rowCount = 80

    private func features(_ row: Int) -> (a: Double, b: Double) { (Double(row % 13) / 6 - 1, Double(row % 7) / 3 - 1) }

    /// Rows whose label is `sign * (a + 2 b)`.
    private func table(_ sign: (Int) -> Double) -> String {
        "id,a,b,label\n"
            + (0..<Self.rowCount).map { row in
                let (a, b) = features(row)
                return "r\(row),\(a),\(b),\(sign(row) * (a + 2 * b))\n"
            }.joined()
    }

    /// The rows that the split holds out, by what their features are.
    private func heldOut(_ directory: TemporaryDirectory, share: Double, seed: UInt64) throws -> Set<Int> {
        let path = try directory.write(
            "id,a,b,label\n" + (0..<Self.rowCount).map { "r\($0),\($0),0,\($0)\n" }.joined(), to: "numbered.csv")
        let store = try RowStore.open(
            LabelledData(files: [.init(path)], label: .list(["label"]), key: ["id"]),
            inputs: [ModelInput(name: "x", elementType: .float32, dimensions: [nil, 2])], target: Target(.numbers, rowShape: [1]),
            split: ValidationSplit(share: share, seed: seed), folder: try heldFolder(directory.path), fingerprint: "split", check: {},
            progress: { _ in }
        )
        let batch = try store.validation.batch(0..<store.validation.rowCount)
        let x = try #require(batch.inputs[0].values(as: Float.self))
        return Set(stride(from: 0, to: x.count, by: 2).map { Int(x[$0]) })
    }

    /// The mean squared error of a line on those rows, written out.
    private func error(of model: Model, on rows: Set<Int>, _ sign: (Int) -> Double) throws -> Double {
        func values(_ name: String) throws -> [Double] {
            try #require(try model.graph.initializers.first { $0.name == name }?.tensor().values(as: Float.self)).map(Double.init)
        }
        let w = try values("w"), b = try values("b")
        try #require(w.count == 2 && b.count == 1)
        return rows.reduce(0) { sum, row in
            let (x, y) = features(row)
            let difference = x * w[0] + y * w[1] + b[0] - sign(row) * (x + 2 * y)
            return sum + difference * difference
        } / Double(rows.count)
    }

    @Test func theFiguresAreThoseOfTheHeldOutRows() throws {
        let directory = try TemporaryDirectory("held")
        let held = try heldOut(directory, share: 0.3, seed: 3)
        #expect((10...40).contains(held.count))
        let sign = { (row: Int) in held.contains(row) ? -1.0 : 1.0 }
        let rows = try directory.write(table(sign), to: "rows.csv")
        try FileManager.default.createDirectory(atPath: directory("run"), withIntermediateDirectories: true)
        let given = Models.line(w: [0.1, 0.1], b: 0)
        let recipe = GradientDescent(loss: .meanSquaredError, optimizer: .sgd(), learningRate: 0.3, weightDecay: 0) {
            $0.epochs = 6
            $0.batchSize = 8
            $0.validation = 0.3
            $0.seed = 3
        }
        let outcome = try FineTuning(
            model: given, data: LabelledData(files: [.init(rows)], label: .list(["label"]), key: ["id"]), recipe: recipe,
            gate: Gate(metric: .loss, rowsAtLeast: 1), folder: try heldFolder(directory("run"))
        ).run()
        let before = try #require(outcome.before[.loss]), after = try #require(outcome.after[.loss])
        #expect(abs(before - (try error(of: given, on: held, sign))) < 1e-4)
        #expect(abs(after - (try error(of: outcome.model, on: held, sign))) < 1e-4)
        // Whatever it learns from the others is wrong for these: no gate that allows no drop lets it pass.
        #expect(after > before + 0.1, "\(before) -> \(after)")
        let others = Set(0..<Self.rowCount).subtracting(held)
        #expect(try error(of: outcome.model, on: others, sign) < error(of: given, on: others, sign) / 2)
    }
}
