package import Names

/// Describes how the rows of a file become model inputs and labels: the content of `schema` in a pipeline. It is Codable, so that an
/// attempt's spec can carry it.
///
/// The YAML reader and the revision go through `Key`, `InputSchema.Key` and `TextDialect.Key`, so that a key is spelled here only and
/// does not compile until both know it. The command line, the drafted pipelines, scoring and training take the value.
package struct RowSchema: Sendable, Equatable, Codable {
    /// Lists the keys of `schema`, in the order of a revision's lines.
    package enum Key: String, Sendable, CaseIterable {
        case key, label
        case missingLabel = "missing_label"
        case weight, classes, inputs, missing, keep, types, dialect
    }

    /// The columns that name a row; if empty, rows are known by their features.
    package var key: [String]
    /// The column to learn, or the columns where the loss takes several; never a feature.
    package var label: ColumnSelector?
    /// The treatment of a labelled row without a label.
    package var missingLabel: MissingLabel
    /// The column that says how much each labelled row counts; never a feature.
    package var weight: String?
    /// The names of the classes in the order of the model's class axis.
    package var classes: [String]?
    /// The inputs in file order, which has no meaning. An input that is not in it takes the column of its own name; a model's only input
    /// takes all numeric columns other than label, key and kept ones.
    package var inputs: [InputSchema]
    /// The value for missing values in every input that has no `missing` of its own and can take it: `nan` for floats, a number for
    /// numbers, a text for text.
    package var missing: Missing?
    /// The columns joined back to the output, in this order.
    package var keep: [String]
    /// The types of columns that are read from text and kept; a kept column that is not in it is a string.
    package var types: [String: StatedType]
    package var dialect: TextDialect
    /// The columns whose values stand in nothing that is written; nil where there are none. It is no key of `schema`, but belongs to what
    /// rows become.
    package var privacy: RowPrivacy?

    package init(
        key: [String] = [], label: ColumnSelector? = nil, missingLabel: MissingLabel = .skip, weight: String? = nil,
        classes: [String]? = nil, inputs: [InputSchema] = [], keep: [String] = [], types: [String: StatedType] = [:],
        dialect: TextDialect = TextDialect(), missing: Missing? = nil
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

    /// The types of kept columns by their names.
    package var typeNames: NameMap<String> { NameMap(types.map { ($0.key, $0.value.rawValue) }, uniquingKeysWith: { $1 }) }

    package subscript(input name: String) -> InputSchema? { inputs.first { $0.name.isName(name) } }
}

/// Describes the columns that fill one model input, or the value that it has in every row.
package struct InputSchema: Sendable, Equatable, Codable {
    /// Lists the keys of an input, in the order of a revision's lines.
    package enum Key: String, Sendable, CaseIterable {
        case columns, scale, missing, booleans, times, pad, mask, length, value
        case batchAxis = "batch_axis"
    }

    /// The model input's name.
    package var name: String
    /// The columns; with nil they are found as if the input were not listed.
    package var columns: ColumnSelector?
    /// The factor that multiplies every value; nil leaves the values unchanged.
    package var scale: Double?
    /// The value for missing values; nil means `nan` for the float inputs in which the model itself looks for missing values, `error`
    /// otherwise.
    package var missing: Missing?
    /// The element that fills up the lists of rows that are shorter than others; nil means that all rows have one length.
    package var pad: Pad?
    /// The input that is this one's mask: 1 for the elements of a row, 0 for padding.
    package var mask: String?
    /// The length that every row is filled up to; nil means the length of the longest row that it shares a run with.
    package var length: Int?
    /// The spelling of booleans in an input of text; with nil they are refused.
    package var booleans: BooleanSpelling?
    /// The spelling of dates and times in an input of text; with nil they are refused.
    package var times: TimeSpelling?
    /// The value of the input in every row and every run, where no column fills it: one element for the whole input, or each element of a
    /// row. With nil, columns fill it.
    package var value: [InputValue]?
    /// The axis on which the model takes the rows; nil means the first.
    package var batchAxis: Int?

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

/// An element that fills a place where a row's list has none. Numbers are in the column's own units, before `scale`.
package enum Pad: Sendable, Hashable, Codable {
    case integer(Int64)
    case number(Double)
    case text(String)
}

/// Says how a labelled row without a label is treated.
package enum MissingLabel: String, Sendable, Equatable, Codable, CaseIterable {
    /// The row is left out and counted.
    case skip
    /// The file is refused.
    case error
}

/// Selects the columns that fill an input, or that are to be learned.
package enum ColumnSelector: Sendable, Hashable, Codable {
    /// The columns match a pattern, in numeric-aware order of their names (`pixel_2` before `pixel_10`). `*` stands for any characters, `?`
    /// for one.
    case pattern(String)
    /// The columns are given by names or patterns, in the order given.
    case list([String])

    /// The names and patterns as they were written.
    package var names: [String] {
        switch self {
        case .pattern(let pattern): [pattern]
        case .list(let names): names
        }
    }
}

/// Says how a missing value is replaced on its way into a model input.
package enum Missing: Sendable, Equatable, Codable {
    case error
    case nan
    case integer(Int64)
    case number(Double)
    case text(String)
}

/// Says how booleans are spelled in text.
package enum BooleanSpelling: Sendable, Hashable, Codable {
    /// These words stand for false and true: an input of text gets them, and an input of numbers or booleans takes a column of them, or of
    /// the usual words.
    case words(no: String, yes: String)
    /// Text is taken as the file has it; a column of booleans has no text and is refused.
    case text
}

/// Says how dates and times are spelled in an input of text.
package enum TimeSpelling: String, Sendable, Hashable, Codable, CaseIterable {
    /// Every format gives one spelling: `2024-02-29T12:30:15.5`, in UTC with a `Z` where there is a zone, without zeros at the end of the
    /// fraction, and without a time where that is midnight and there is no zone.
    case iso
    /// Text is taken as the file has it; a column of a time type has no text and is refused.
    case text
}

/// Names a type that a pipeline states for a column that is read from text and kept.
package enum StatedType: String, Sendable, Equatable, Codable, CaseIterable {
    case string, bool, int8, int16, int32, int64, uint8, uint16, uint32, uint64, float32, float64, date, timestamp
}
