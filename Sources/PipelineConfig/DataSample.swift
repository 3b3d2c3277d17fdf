package import Recipes

/// Describes one column of the data that a first pipeline is made for.
package struct DataColumn: Sendable, Equatable {
    package enum Kind: Sendable, Equatable {
        case integer, number, boolean, text, time
        /// The column holds lists with the lengths that were seen.
        case list(lengths: ClosedRange<Int>, isNested: Bool)
        /// The column has no value so far, or a type that no input takes.
        case other
    }

    package let name: String
    package let kind: Kind
    /// The number of rows of the sample without a value.
    package var missingCount = 0
    /// Tells whether each row of the sample has a value, and no two rows share one.
    package var isUnique = false
    /// Tells whether the column is text of which every value is a date or a time.
    package var holdsTimes = false
    /// Tells whether all values of a text file's column are integers as a program prints them, so that the pipeline can state the column's
    /// type.
    package var isPlainIntegers = false
    /// The different values that were seen, if they are few.
    package var values: [String] = []
    /// The average number of characters of a value.
    package var averageLength = 0

    package init(name: String, kind: Kind) { (self.name, self.kind) = (name, kind) }

    var isNumeric: Bool { kind == .integer || kind == .number || kind == .boolean }

    /// Tells whether the column is the index that pandas writes with the columns.
    var isIndex: Bool { name.isEmpty || name.hasPrefix("__index_level_") }
}

/// Holds the facts known about a data file from its first rows.
package struct DataSample: Sendable, Equatable {
    package enum Form: Sendable, Equatable {
        case csv, json
        /// The file has columns with types of their own, as in Parquet and Arrow.
        case typed
        /// The file has arrays with these names, as in NPY and NPZ.
        case arrays([String])
    }

    package let form: Form
    /// The columns in file order.
    package var columns: [DataColumn]
    package var rowCount = 0
    package var dialect = TextDialect()
    /// Remarks about the dialect that was found, for comments in the pipeline.
    package var remarks: [String] = []

    package init(form: Form, columns: [DataColumn] = []) { (self.form, self.columns) = (form, columns) }

    subscript(column name: String) -> DataColumn? { columns.first { $0.name == name } }
}
