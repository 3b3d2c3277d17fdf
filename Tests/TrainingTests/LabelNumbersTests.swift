import Columnar
import Foundation
import Recipes
import Tensors
import TestSupport
import Testing

@testable import Training

/// Labels and weights that are no finite numbers, in formats that hold such values in binary, where no word stands for them
/// (Fixtures/make-labels.py).
@Suite struct LabelNumbersTests {
    private static let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent().path + "/Fixtures/numbers/"
    static let formats = ["parquet", "arrow", "npz"]

    private func open(_ name: String, refusesMissing: Bool = false, in directory: TemporaryDirectory) throws -> RowStore {
        let data = LabelledData(
            files: [.init(Self.folder + name)], label: .list(["label"]), refusesMissingLabels: refusesMissing, weight: "w", key: ["id"])
        return try RowStore.open(
            data, inputs: [ModelInput(name: "x", elementType: .float32, dimensions: [nil, 2])], target: Target(.numbers, rowShape: [1]),
            split: ValidationSplit(share: 0, seed: 1), folder: try heldFolder(directory.path), fingerprint: UUID().uuidString, check: {},
            progress: { _ in })
    }

    private func refusal(_ body: () throws -> RowStore) throws -> String {
        let error = #expect(throws: TrainingError.self) { _ = try body() }
        return error.map { "\($0)" } ?? ""
    }

    /// NaN is how frames say that there is no label: the row does not count.
    @Test(arguments: formats) func aRowWhoseLabelIsNaNDoesNotCount(format: String) throws {
        let directory = try TemporaryDirectory("numbers")
        let store = try open("nan-label." + format, in: directory)
        #expect(store.facts.unlabelledRows == 1 && store.training.rowCount == 9)
        let batch = try store.training.batch(0..<9)
        #expect(batch.target?.values(as: Float.self) == (0..<10).filter { $0 != 3 }.map { Float($0) * 0.5 })
        let refused = try refusal { try open("nan-label." + format, refusesMissing: true, in: directory) }
        #expect(refused.contains("row 4") && refused.contains("no label"), "\(refused)")
    }

    /// Training on it would end in weights that are no numbers, and blame the model.
    @Test(arguments: formats) func anInfiniteLabelIsRefused(format: String) throws {
        let directory = try TemporaryDirectory("numbers")
        let refused = try refusal { try open("inf-label." + format, in: directory) }
        #expect(refused.contains("row 4") && refused.contains("not finite"), "\(refused)")
    }

    @Test(arguments: formats, ["nan", "inf"]) func aWeightIsAFiniteNumber(format: String, value: String) throws {
        let directory = try TemporaryDirectory("numbers")
        let refused = try refusal { try open("\(value)-weight." + format, in: directory) }
        #expect(refused.contains("row 6") && refused.contains("\"w\""), "\(refused)")
    }
}
