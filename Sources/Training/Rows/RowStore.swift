package import Columnar
import FileSystem
import Recipes
import SystemPackage

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
    ///   - inputs: the model's inputs, in its order.
    ///   - target: the target; `nil` where the model computes its own loss.
    ///   - isForTraining: tells whether rows from which nothing can be learnt are refused.
    ///   - fingerprint: a digest of everything that the rows follow from.
    package static func open(
        _ data: LabelledData, inputs: [ModelInput], target: Target?, split: ValidationSplit, directory: String, fingerprint: String,
        isForTraining: Bool = true, check: () throws(TrainingError) -> Void, progress: (Int) -> Void
    ) throws(TrainingError) -> RowStore {
        let description = FilePath(directory + "/rows.json")
        if let known = try? JSONFile.decode(Index.self, from: description), known.fingerprint == fingerprint,
            let store = try? RowStore(known, directory: directory)
        {
            return store
        }
        var packing = RowPacking(data, inputs: inputs, target: target, split: split, directory: directory, isForTraining: isForTraining)
        let (layout, facts) = try packing.run(check: check, progress: progress)
        let index = Index(fingerprint: fingerprint, layout: layout, facts: facts)
        try onDisk { () throws(FileSystemError) in try DurableFile.write(try JSONFile.encode(index, for: description), to: description) }
        return try RowStore(index, directory: directory)
    }

    private init(_ index: Index, directory: String) throws(TrainingError) {
        layout = index.layout
        facts = index.facts
        training = try RowFile(path: RowPacking.trainingPath(directory), layout: layout, rowCount: facts.trainingRows)
        validation = try RowFile(path: RowPacking.validationPath(directory), layout: layout, rowCount: facts.validationRows)
    }
}
