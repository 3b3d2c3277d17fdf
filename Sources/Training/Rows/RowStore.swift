package import Columnar
package import FileSystem
import Recipes

/// Keeps the labelled rows of a training run, packed in two files of ours in its directory: the rows to learn from and the rows held out.
package struct RowStore {
    package let layout: RowLayout
    package let training: RowFile
    package let validation: RowFile
    package let facts: Facts

    /// Holds the facts about the labels.
    package struct Facts: Sendable, Codable, Equatable {
        package var trainingRows = 0
        package var validationRows = 0
        /// The number of rows that a later file has again, by their key, and that are in neither file.
        package var supersededRows = 0
        /// The number of rows without a label, which are in neither file.
        package var unlabelledRows = 0
        /// The number of rows of each class, if labels are classes.
        package var trainingClasses: [Int] = []
        package var validationClasses: [Int] = []
        /// The sum of the weights.
        package var trainingWeight = 0.0
        package var validationWeight = 0.0
        /// The columns that each input took, in order.
        package var columns: [String: [String]] = [:]
    }

    private struct Index: Codable {
        var fingerprint: String
        var layout: RowLayout
        var facts: Facts
    }

    /// Opens the rows that an earlier attempt with the same `fingerprint` packed whole, or packs them.
    ///
    /// - Parameters:
    ///   - folder: the folder of the two files.
    ///   - inputs: the model's inputs, in its order.
    ///   - target: the target; `nil` where the model computes its own loss.
    ///   - isForTraining: tells whether rows from which nothing can be learnt are refused.
    ///   - fingerprint: a digest of everything that the rows follow from.
    package static func open(
        _ data: LabelledData, inputs: [ModelInput], target: Target?, split: ValidationSplit, folder: any GivenFolder, fingerprint: String,
        isForTraining: Bool = true, check: () throws(TrainingError) -> Void, progress: (Int) -> Void
    ) throws(TrainingError) -> RowStore {
        let description = "rows.json"
        if let known = try? folder.decode(Index.self, from: description), known.fingerprint == fingerprint,
            let store = try? RowStore(known, folder)
        {
            return store
        }
        var packing = RowPacking(data, inputs: inputs, target: target, split: split, folder: folder, isForTraining: isForTraining)
        let (layout, facts) = try packing.run(check: check, progress: progress)
        let index = Index(fingerprint: fingerprint, layout: layout, facts: facts)
        try onDisk { () throws(FileSystemError) in
            let bytes = try JSONFile.encode(index, for: folder.path(of: description))
            try folder.writeDurably(description) { file throws(FileSystemError) in try file.write(bytes) }
        }
        return try RowStore(index, folder)
    }

    private init(_ index: Index, _ folder: any GivenFolder) throws(TrainingError) {
        layout = index.layout
        facts = index.facts
        training = try RowFile(RowPacking.training, in: folder, layout: layout, rowCount: facts.trainingRows)
        validation = try RowFile(RowPacking.validation, in: folder, layout: layout, rowCount: facts.validationRows)
    }
}
