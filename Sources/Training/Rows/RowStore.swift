package import Columnar
package import FileSystem
import Recipes

/// Says what labelled rows are packed for.
package enum RowUse: Sendable {
    /// Rows from which nothing can be learnt are refused.
    case training
    /// Rows are taken as they are, without a label too.
    case gradients
    /// Only the rows that are held out are kept, and every file must have labels.
    case judging
}

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
    ///   - use: what the rows are for.
    ///   - fingerprint: a digest of everything that the rows follow from.
    package static func open(
        _ data: LabelledData, inputs: [ModelInput], target: Target?, split: ValidationSplit, folder: any GivenFolder, fingerprint: String,
        for use: RowUse = .training, check: () throws(TrainingError) -> Void, progress: (Int) -> Void
    ) throws(TrainingError) -> RowStore {
        if let store = packed(in: folder, fingerprint: fingerprint) { return store }
        var packing = RowPacking(data, inputs: inputs, target: target, split: split, folder: folder, use: use)
        let (layout, facts) = try packing.run(check: check, progress: progress)
        let index = Index(fingerprint: fingerprint, layout: layout, facts: facts)
        try onDisk { () throws(FileSystemError) in
            let bytes = try JSONFile.encode(index, for: folder.path(of: description))
            try folder.writeDurably(description) { file throws(FileSystemError) in try file.write(bytes) }
        }
        return try RowStore(index, folder)
    }

    private static let description = "rows.json"

    /// Returns the rows that were packed whole with the same `fingerprint`; nil where there are none.
    static func packed(in folder: any GivenFolder, fingerprint: String) -> RowStore? {
        guard let known = try? folder.decode(Index.self, from: description), known.fingerprint == fingerprint else { return nil }
        return try? RowStore(known, folder)
    }

    private init(_ index: Index, _ folder: any GivenFolder) throws(TrainingError) {
        layout = index.layout
        facts = index.facts
        training = try RowFile(RowPacking.training, in: folder, layout: layout, rowCount: facts.trainingRows)
        validation = try RowFile(RowPacking.validation, in: folder, layout: layout, rowCount: facts.validationRows)
    }
}
