/// One column of the data that a first pipeline is made for.
package struct DataColumn: Sendable, Equatable {
    package enum Kind: Sendable, Equatable {
        case integer, number, boolean, text, time
        /// Of lists, with the lengths that were seen.
        case list(lengths: ClosedRange<Int>, isNested: Bool)
        /// Without any value so far, or of a type that no input takes.
        case other
    }

    package let name: String
    package let kind: Kind
    /// Rows of the sample without a value.
    package var missingCount = 0
    /// Whether no two rows of the sample share a value, and none is without one.
    package var isUnique = false
    /// Whether it is text, and every value a date or a time.
    package var holdsTimes = false
    /// Of a text file: whether all values are integers as a program prints them, so that the column's type can be said.
    package var isPlainIntegers = false
    /// Values that were seen, each once, where they are few.
    package var values: [String] = []
    /// Characters of a value, on the average.
    package var averageLength = 0

    package init(name: String, kind: Kind) { (self.name, self.kind) = (name, kind) }

    package init(name: String, isNumeric: Bool) { self.init(name: name, kind: isNumeric ? .number : .text) }

    var isNumeric: Bool { kind == .integer || kind == .number || kind == .boolean }

    /// Whether it is the index that pandas writes beside the columns.
    var isIndex: Bool { name.isEmpty || name.hasPrefix("__index_level_") }
}

/// What was seen of a data file.
package struct DataSample: Sendable, Equatable {
    package enum Form: Sendable, Equatable {
        case csv, json
        /// Parquet and Arrow, whose columns have types of their own.
        case typed
        /// NPY and NPZ, with the names and shapes of their arrays.
        case arrays([String])
    }

    package let form: Form
    /// In file order.
    package var columns: [DataColumn]
    package var rowCount = 0
    package var dialect = Dialect()
    /// What was found of the dialect, for a comment.
    package var remarks: [String] = []

    package init(form: Form, columns: [DataColumn] = []) { (self.form, self.columns) = (form, columns) }

    subscript(column name: String) -> DataColumn? { columns.first { $0.name == name } }
}
