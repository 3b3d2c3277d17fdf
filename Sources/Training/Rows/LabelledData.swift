package import Columnar
package import Names

/// Labelled rows: the files that have them, in order, and how they become the model's inputs and what it is to answer.
package struct LabelledData: Sendable {
    package struct File: Sendable, Hashable {
        package let path: String
        /// By the name where not given.
        package let format: TableFormat?
        /// The path that the file arrived under, whose folders may name columns; nil where it is read there.
        package let originalPath: String?

        package init(_ path: String, format: TableFormat? = nil, originalPath: String? = nil) {
            self.path = path
            self.format = format
            self.originalPath = originalPath
        }
    }

    package var files: [File]
    /// Which columns each model input takes; an input that is not here takes them as `TableBinder` says.
    package var inputs: NameMap<InputRule>
    /// The column (or for probabilities and several targets the columns) to learn; `nil` where the model computes its own loss.
    package var label: InputRule.Columns?
    /// The names of the classes in the order of the model's class axis, where labels are names. Otherwise class labels are indices from 0.
    package var classes: [String]?
    /// Whether a file with a row without a label is refused; otherwise such rows are left out and counted.
    package var refusesMissingLabels: Bool
    /// A column of what each row counts, as a number of at least 0; without it every row counts 1.
    package var weight: String?
    /// The columns that name a row; without any it is known by its features.
    package var key: [String]
    /// Other columns that are no features.
    package var keep: [String]
    package var types: NameMap<String>
    package var dialect: TextDialect

    package init(
        files: [File], label: InputRule.Columns?, inputs: NameMap<InputRule> = [:], classes: [String]? = nil,
        refusesMissingLabels: Bool = false, weight: String? = nil, key: [String] = [], keep: [String] = [],
        types: NameMap<String> = [:], dialect: TextDialect = TextDialect()
    ) {
        self.files = files
        self.inputs = inputs
        self.label = label
        self.classes = classes
        self.refusesMissingLabels = refusesMissingLabels
        self.weight = weight
        self.key = key
        self.keep = keep
        self.types = types
        self.dialect = dialect
    }
}
