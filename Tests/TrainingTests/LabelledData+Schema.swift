import Columnar
import Names
import Recipes
import Training

extension LabelledData {
    /// Labelled rows whose CSV has Arrow's words for missing values.
    init(
        files: [File], label: ColumnSelector?, inputs: NameMap<InputRule> = [:], classes: [String]? = nil,
        refusesMissingLabels: Bool = false, weight: String? = nil, key: [String] = [], keep: [String] = [],
        types: [String: StatedType] = [:]
    ) {
        self.init(
            files: files,
            schema: RowSchema(
                key: key, label: label, missingLabel: refusesMissingLabels ? .error : .skip, weight: weight, classes: classes, keep: keep,
                types: types, dialect: TextDialect(nullWords: nil)), inputs: inputs)
    }
}
