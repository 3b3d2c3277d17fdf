import Names

/// How rows become model inputs, and what is known of their columns. Codable, so that an attempt's spec can carry it.
package struct Schema: Sendable, Equatable, Codable {
    /// The columns that name a row; empty: rows are known by their features.
    package let key: [String]
    /// The column to learn, or the columns where the loss takes several; never a feature.
    package let label: ColumnSelector?
    /// How a labelled row without a label is handled.
    package let missingLabel: MissingLabel
    /// A column that says how much each labelled row counts; never a feature.
    package let weight: String?
    /// In the order of the model's class axis.
    package let classes: [String]?
    /// In file order, which has no meaning. An input that is not here takes the column of its own name; a model's only input takes
    /// all numeric columns less label, key and kept ones.
    package let inputs: [InputSchema]
    /// The value for missing values in every input that has no `missing` of its own and can take it: `nan` for floats, a number for
    /// numbers, a text for text.
    package let missing: Missing?
    /// Columns joined back to the output, in this order.
    package let keep: [String]
    /// Types of columns that are read from text and kept; a kept column that is not here is a string.
    package let types: [String: ColumnType]
    package let dialect: Dialect

    package init(
        key: [String] = [], label: ColumnSelector? = nil, missingLabel: MissingLabel = .skip, weight: String? = nil,
        classes: [String]? = nil, inputs: [InputSchema] = [], keep: [String] = [], types: [String: ColumnType] = [:],
        dialect: Dialect = Dialect(), missing: Missing? = nil
    ) {
        self.key = key
        self.label = label
        self.missingLabel = missingLabel
        self.weight = weight
        self.classes = classes
        self.inputs = inputs
        self.keep = keep
        self.types = types
        self.dialect = dialect
        self.missing = missing
    }

    package subscript(input name: String) -> InputSchema? { inputs.first { $0.name.isName(name) } }
}

package struct InputSchema: Sendable, Equatable, Codable {
    /// The model input's name.
    package let name: String
    /// nil: bound as if the input were not listed.
    package let columns: ColumnSelector?
    /// Multiplies every value; nil: as it is.
    package let scale: Double?
    /// The value for missing values; nil: `nan` for the float inputs in which the model itself looks for missing values, `error` otherwise.
    package let missing: Missing?
    /// The element that fills up the lists of rows that are shorter than others; nil: all rows have one length.
    package let pad: Pad?
    /// The input that is this one's mask: 1 for the elements of a row, 0 for padding.
    package let mask: String?
    /// The length that every row is filled up to; nil: as long as the longest row that it shares a run with.
    package let length: Int?
    /// How booleans are spelled in an input of text; nil: they are refused.
    package let booleans: BooleanSpelling?
    /// How dates and times are spelled in an input of text; nil: they are refused.
    package let times: TimeSpelling?
    /// The value of the input in every row and every run, where no column fills it: one element for the whole input, or each element of a
    /// row. nil: columns fill it.
    package let value: [InputValue]?
    /// The axis on which the model takes the rows; nil: the first.
    package let batchAxis: Int?

    package init(
        name: String, columns: ColumnSelector? = nil, scale: Double? = nil, missing: Missing? = nil, pad: Pad? = nil, mask: String? = nil,
        length: Int? = nil, booleans: BooleanSpelling? = nil, times: TimeSpelling? = nil, value: [InputValue]? = nil, batchAxis: Int? = nil
    ) {
        self.name = name
        self.columns = columns
        self.scale = scale
        self.missing = missing
        self.pad = pad
        self.mask = mask
        self.length = length
        self.booleans = booleans
        self.times = times
        self.value = value
        self.batchAxis = batchAxis
    }
}

/// An element that fills a place where a row's list has none.
package enum Pad: Sendable, Equatable, Codable {
    case integer(Int64)
    case number(Double)
    case text(String)
}

package enum MissingLabel: String, Sendable, Equatable, Codable, CaseIterable {
    /// The row is left out and counted.
    case skip
    /// The file is refused.
    case error
}

package enum ColumnSelector: Sendable, Equatable, Codable {
    /// Columns that match, in numeric-aware order of their names (`pixel_2` before `pixel_10`).
    case pattern(String)
    /// Names or patterns, each in its turn.
    case list([String])

    /// As they were written, patterns among them.
    package var names: [String] {
        switch self {
        case .pattern(let pattern): [pattern]
        case .list(let names): names
        }
    }
}

/// What a null becomes on its way into a model input.
package enum Missing: Sendable, Equatable, Codable {
    case error
    case nan
    case integer(Int64)
    case number(Double)
    case text(String)
}

/// How booleans are spelled in a model input.
package enum BooleanSpelling: Sendable, Equatable, Codable {
    /// These words stand for false and for true.
    case words(no: String, yes: String)
    /// Text is taken as the file has it.
    case text
}

/// How dates and times are spelled in an input of text.
package enum TimeSpelling: String, Sendable, Equatable, Codable, CaseIterable {
    case iso, text
}

package enum ColumnType: String, Sendable, Equatable, Codable, CaseIterable {
    case string, bool, int8, int16, int32, int64, uint8, uint16, uint32, uint64, float32, float64, date, timestamp
}

/// How CSV is read; what is written is always RFC 4180 with a header.
package struct Dialect: Sendable, Equatable, Codable {
    package enum Header: Sendable, Equatable, Codable {
        /// The pipeline does not say it: the first line is a header unless it holds only numbers, which is an error.
        case likely
        /// The first line is a header, whatever it holds.
        case present
        /// The first line is data; nil: columns are named `f0`, `f1`, ….
        case absent(names: [String]?)
    }

    /// One ASCII byte.
    package let delimiter: UInt8
    /// One ASCII byte; nil: quotes have no meaning.
    package let quote: UInt8?
    /// One ASCII byte; nil: quotes inside cells are doubled.
    package let escape: UInt8?
    package let encoding: Encoding
    package let header: Header
    package let nullWords: [String]
    /// `.` or `,`.
    package let decimal: UInt8

    /// The encoding of a file without a byte-order mark.
    package enum Encoding: String, Sendable, Equatable, Codable, CaseIterable {
        case utf8 = "utf-8"
        case latin1 = "latin-1"
        case windows1252 = "windows-1252"
        case utf16 = "utf-16"
    }

    package static let defaultNullWords = ["", "NA", "N/A", "NULL", "null"]

    package init(
        delimiter: UInt8 = UInt8(ascii: ","), quote: UInt8? = UInt8(ascii: "\""), escape: UInt8? = nil, encoding: Encoding = .utf8,
        header: Header = .likely,
        nullWords: [String] = Dialect.defaultNullWords, decimal: UInt8 = UInt8(ascii: ".")
    ) {
        self.delimiter = delimiter
        self.quote = quote
        self.escape = escape
        self.encoding = encoding
        self.header = header
        self.nullWords = nullWords
        self.decimal = decimal
    }
}
