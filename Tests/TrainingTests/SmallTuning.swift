import Columnar
import Foundation
import ONNX
import Recipes
import TestSupport
import Training

extension GradientDescent {
    /// As the small models of these tests learn classes.
    static let crossEntropy = GradientDescent(loss: .crossEntropy(), optimizer: .adamw(), weightDecay: 0) {
        $0.schedule = Schedule(.cosine(), peak: 0.02)
    }
}

/// A short training of a small model on rows that are written into `directory`.
func tuning(
    _ directory: TemporaryDirectory, model: Model = Models.perceptron(), rows: String = Models.rows(120),
    recipe: GradientDescent = .crossEntropy,
    label: ColumnSelector? = .list(["label"]), weight: String? = nil, folder: String = "run",
    _ change: (inout FineTuning) -> Void = { _ in }
) throws -> FineTuning {
    try directory.write(rows, to: "rows.csv")
    try FileManager.default.createDirectory(atPath: directory(folder), withIntermediateDirectories: true)
    var tuning = FineTuning(
        model: model,
        data: LabelledData(files: [.init(directory("rows.csv"))], label: label, weight: weight, key: ["id"], keep: ["label"]),
        recipe: recipe, gate: Gate(metric: .accuracy, rowsAtLeast: 1), folder: try heldFolder(directory(folder)))
    tuning.recipe.epochs = 3
    tuning.recipe.batchSize = 16
    tuning.recipe.validation = 0.25
    tuning.recipe.seed = 3
    change(&tuning)
    return tuning
}
