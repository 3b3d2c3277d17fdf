package import Names
package import Recipes
package import Tensors

/// Describes a model input as binding needs it.
package struct ModelInput: Hashable, Sendable {
    package let name: String
    package let elementType: ElementType
    /// The extents; `nil` means dynamic. The first axis is the batch.
    package let dimensions: [Int?]
    /// The names of the dynamic axes, where the model names them: axes with one name have one extent.
    package let symbols: [String?]
    /// Tells whether the model states no shape: then the rows of an array keep their shape, and columns make `[N, columns]`.
    package let isUnranked: Bool

    package init(name: String, elementType: ElementType, dimensions: [Int?], symbols: [String?] = [], isUnranked: Bool = false) {
        self.name = name
        self.elementType = elementType
        self.dimensions = dimensions
        self.symbols = symbols.isEmpty ? dimensions.map { _ in nil } : symbols
        self.isUnranked = isUnranked
    }

    /// The number of elements of one row, if every axis after the batch is fixed.
    var width: Int? {
        var product = 1
        for dimension in dimensions.dropFirst() {
            guard let dimension else { return nil }
            let (next, overflow) = product.multipliedReportingOverflow(by: dimension)
            if overflow { return nil }
            product = next
        }
        return product
    }

    /// Returns the axes after the batch for rows of `width` elements; `nil` if the width does not fit them.
    func rowShape(width: Int) -> [Int]? {
        let axes = dimensions.dropFirst()
        let fixed = axes.reduce(1) { $0 * ($1 ?? 1) }
        let open = axes.count { $0 == nil }
        if open == 0 { return fixed == width ? axes.map { $0! } : nil }
        guard open == 1, fixed > 0, width % fixed == 0 else { return nil }
        return axes.map { $0 ?? width / fixed }
    }

    var description: String { "[N" + dimensions.dropFirst().map { ", " + ($0.map(String.init) ?? "?") }.joined() + "]" }
}

/// Says how one model input is filled: by the settings of `InputSchema`, completed by the model's type and defaults, or as training needs
/// it.
package struct InputRule: Hashable, Sendable {
    /// Says how a missing value is replaced: a null or, in an input of floats, a NaN.
    package enum Missing: Hashable, Sendable {
        case error
        /// A missing value is an error that no rule can help with, as for labels and weights.
        case refused
        case nan
        /// A number in the column's own units, before `scale` and `offset`.
        case value(Double)
        /// A text, for inputs of strings.
        case text(String)
    }

    /// The columns; `nil` takes the column of the input's name, or follows the rules of `TableBinder`.
    package var columns: ColumnSelector?
    /// The factor of `value * scale + offset`, which is the input in its own precision; integer inputs take it rounded to the nearest.
    package var scale: Double?
    package var offset: Double?
    package var missing: Missing
    /// Tells whether an input of floats refuses infinities, and NaN where `missing` gives it no replacement.
    package var refusesNonFinite: Bool
    /// The element that fills up rows which are shorter than others; `nil` means that all rows of a file have one length.
    package var pad: Pad?
    /// The input that marks padding: 1 for an element of the row, 0 after its end. It is made where no column fills it.
    package var mask: String?
    /// The length that all rows are filled up to; `nil` means the length of the longest row of a batch.
    package var length: Int?

    /// The spelling of booleans in an input of text; with `nil` they are refused with a message that asks for it.
    package var booleans: BooleanSpelling?
    /// The spelling of dates and times in an input of text; with `nil` they are refused with a message that asks for it.
    package var times: TimeSpelling?

    package init(
        columns: ColumnSelector? = nil, scale: Double? = nil, offset: Double? = nil, missing: Missing = .error,
        refusesNonFinite: Bool = false,
        pad: Pad? = nil, mask: String? = nil, length: Int? = nil, booleans: BooleanSpelling? = nil, times: TimeSpelling? = nil
    ) {
        self.columns = columns
        self.scale = scale
        self.offset = offset
        self.missing = missing
        self.refusesNonFinite = refusesNonFinite
        self.pad = pad
        self.mask = mask
        self.length = length
        self.booleans = booleans
        self.times = times
    }
}

/// Holds the rules for the table as a whole.
package struct TableSchemaRule: Hashable, Sendable {
    /// The columns that identify a row; they are no features.
    package var key: [String]
    /// The column to learn; it is no feature.
    package var label: String?
    /// The names or patterns of further columns that are no features: other columns to learn, and weights of rows.
    package var others: [String]
    /// The columns carried through to the output, in this order. They are features only where an input names them.
    package var keep: [String]
    /// The types of kept columns: `string`, `bool`, `int8` … `uint64`, `float16`, `float32` (`float`), `float64` (`double`), `date`,
    /// `timestamp`.
    package var types: NameMap<String>
    /// The columns that are kept hashed or not at all. They are features only where an input names them.
    package var privacy: RowPrivacy?

    package init(
        key: [String] = [], label: String? = nil, others: [String] = [], keep: [String] = [],
        types: NameMap<String> = [:], privacy: RowPrivacy? = nil
    ) {
        self.key = key
        self.label = label
        self.others = others
        self.keep = keep
        self.types = types
        self.privacy = privacy
        guard let privacy, !privacy.drop.isEmpty else { return }
        self.keep.removeAll { privacy.drop.containsName($0) }
    }

    /// Returns whether a column is none of the features that a pattern or the lack of names finds: it is there for training only, or is
    /// left out or hashed in what is written.
    func isNoFeature(_ name: String) -> Bool { isToLearn(name) || privacy?.columns.contains(name) ?? false }

    /// Returns whether a column is there for training only.
    func isToLearn(_ name: String) -> Bool {
        label.map(name.isName) ?? false || others.containsName(name) || others.matchesAny(of: name)
    }

    /// The names that `types` may give, for a pipeline's checks.
    package static let typeNames = [
        "string", "bool", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64", "float16", "float32", "float",
        "float64", "double", "date", "timestamp",
    ]

    static func format(ofType name: String) -> String? {
        switch name {
        case "string": "u"
        case "bool": "b"
        case "int8": "c"
        case "int16": "s"
        case "int32": "i"
        case "int64": "l"
        case "uint8": "C"
        case "uint16": "S"
        case "uint32": "I"
        case "uint64": "L"
        case "float16": "e"
        case "float32", "float": "f"
        case "float64", "double": "g"
        case "date": "tdD"
        case "timestamp": "tsu:"
        default: nil
        }
    }
}

/// Holds some rows as the model takes them.
package struct InputBatch: Sendable {
    /// The inputs by name; the first axis is `rowCount`. Their memory is used again once nothing else holds it. The map is empty where the
    /// rows go to the model in several `groups`.
    package let tensors: NameMap<Tensor>
    /// The rows, grouped by the run that they share, where the lengths of their lists decide that; otherwise empty.
    package var groups: [RowGroup] = []
    /// The kept columns of the same rows.
    package let kept: RecordBatch
    package let rowCount: Int
    /// The first row's number in the file, as errors count rows.
    package let firstRow: Int
}

/// Reads the rows of one file, batch by batch, whatever its format.
package protocol InputBatches: AnyObject {
    /// The columns (or the array) that each input takes, by input name, in order.
    var boundColumns: NameMap<[String]> { get }
    /// The inputs whose columns only the order of this file decides. The files after it are pinned to these columns.
    var columnsInFileOrder: [String: [String]] { get }
    /// The kept columns, for the output's schema.
    var keptFields: [Field] { get }
    /// The columns that `privacy` names and that the file does not have, as far as that is known before it is read.
    var absentColumns: [String] { get }
    /// The names of the axes whose extent is the length of the rows' lists, and whether there is such an axis at all.
    var listAxes: (names: NameSet, isEmpty: Bool) { get }
    /// The types of kept columns of text, as `KeptTyping` finds them, once there were rows.
    var foundTypes: [String: String] { get }
    /// The reason why `next` threw, where the file may be read again with another type for that column.
    var misfit: KeptMisfit? { get }
    /// Returns how the file can be read in ranges, each with `ReadOptions.range` and `known`, and otherwise like the whole file. The rows
    /// of all ranges are those of the file: the same values, of the same types. Errors are not the same: an error that depends on rows of
    /// several ranges may name other rows, and `misfit` may name another one, so that the file must be read whole where a range fails. It
    /// must be called before `next`, which then goes on from the first row.
    /// - Parameter byteCount: the stored bytes of a range; `nil` takes `TableFormat.rangeBytes`.
    func rangePlan(byteCount: Int?) throws(ColumnarError) -> RangePlan
    /// Returns the next batch; `nil` after the last row. There may be no rows.
    func next() throws(ColumnarError) -> InputBatch?
}

extension InputBatches {
    package var absentColumns: [String] { [] }
    package var foundTypes: [String: String] { [:] }
    package var misfit: KeptMisfit? { nil }
    package func rangePlan(byteCount: Int?) throws(ColumnarError) -> RangePlan { .whole }
}

/// Limits how rows of different lengths are put together.
package struct ListLimits: Sendable {
    /// The largest number of places along open axes that one run fills, unless a single row needs more; `nil` means no limit.
    package var places: Int?
    /// Tells whether rows of different lengths may share a run where a mask tells them apart. It must be false where an output has an axis
    /// whose extent would then come from another row.
    package var mixesLengths: Bool
    /// Tells whether more rows are read than go to the model at once, to find rows of one length among them. Otherwise each batch has as
    /// many rows as were asked for.
    package var isWindowed: Bool

    package init(places: Int? = nil, mixesLengths: Bool = true, isWindowed: Bool = true) {
        self.places = places
        self.mixesLengths = mixesLengths
        self.isWindowed = isWindowed
    }
}
