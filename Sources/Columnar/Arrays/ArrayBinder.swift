package import Names
internal import Reasons
import Recipes
package import Tensors

/// Binds the rows of a `.npy` or `.npz` file to the model's inputs.
///
/// An `.npz` has one array for each input, under its name (or under the one name in its rule's `columns`); the only array goes to the only
/// input whatever it is called, and a `.npy` file is that array. The first axis is the rows, and all arrays have the same number of them;
/// the other axes must have as many elements as the input's. Arrays of one value a row also fill an input together, like the columns of a
/// table: those that the rule names, or all numeric ones for the model's only input. Kept columns are arrays of one value a row. Types
/// convert as table columns do. Row numbers count from 1.
package final class ArrayBinder: InputBatches {
    package let boundColumns: NameMap<[String]>
    package let columnsInFileOrder: [String: [String]]
    package let absentColumns: [String]
    /// All rows of an array have one shape, so no axis depends on the row.
    package var listAxes: (names: NameSet, isEmpty: Bool) { ([], true) }
    package let keptFields: [Field]

    private struct Bound {
        let input: ModelInput
        let rule: InputRule
        /// The one array of rows, or several with one value a row.
        let arrays: [ArrayRows]
        let filler: any InputFiller
        let rowShape: [Int]
        var names: [String] { arrays.map(\.name) }
    }
    private let file: String
    private let bound: [Bound]
    private let kept: [ArrayRows]
    private let rowCount: Int
    private let batchRows: Int
    /// Fills rows up and makes masks; nil where the pipeline asks for neither.
    private let lengths: LengthBatches?
    /// The place in `bound` of each input of the model; nil for a mask that is made.
    private let places: [Int?]
    private let nullWords: [String]?
    /// The hash of each kept array; nil for one that is kept as it is.
    private let hashes: [ColumnHash?]
    /// The size of a `.npy` file that is read whole; `nil` for other files.
    private let cuttableBytes: Int?
    private var rowsGiven = 0

    package init(
        path: String, format: TableFormat? = nil, inputs: [ModelInput], rules: NameMap<InputRule> = [:],
        schema table: TableSchemaRule = TableSchemaRule(), batchRows: Int, memory: NameMap<TensorBuffer> = [:],
        nullWords: [String]? = nil, lists: ListLimits = ListLimits(), pinned: [String: [String]] = [:], range: RowRange = .whole,
        descriptor opened: Int32? = nil
    ) throws(ColumnarError) {
        file = path
        self.nullWords = nullWords
        let descriptor = try OwnedDescriptor.reading(path, open: opened)
        let kind = (format ?? TableFormat(fileName: path))?.kind
        var names: NameMap<ZipArchive.Entry> = [:]
        var inFileOrder: [String] = []
        if kind == .npz {
            for entry in try ZipArchive(descriptor, file: path).entries {
                let name = entry.name.hasSuffix(".npy") ? String(entry.name.dropLast(4)) : entry.name
                names[name] = entry
                inFileOrder.append(name)
            }
        } else if kind != .npy {
            throw .unsupported(file: path, reason: "not an array file by its name")
        }
        func open(_ name: String) throws(ColumnarError) -> ArrayRows {
            guard let entry = names[name] else {
                return try ArrayRows(name: "", EntryBytes(descriptor, file: path), file: path, rows: range.bounds)
            }
            return try ArrayRows(name: name, EntryBytes(descriptor, entry, file: path), file: path)
        }
        let features = inFileOrder.filter { name in
            !table.keep.containsName(name) && !table.key.containsName(name) && !table.isNoFeature(name)
        }
        for name in rules.keys.sorted() where !inputs.contains(where: { $0.name.isName(name) }) {
            throw .badRule(
                "the pipeline has a rule for the input \"\(name)\", which the model lacks: its inputs are "
                    + inputs.map { "\"\($0.name)\"" }.joined(separator: ", "))
        }
        let tellsLengths = rules.values.contains(where: \.tellsLengths)
        let filled = inputs.filter { input in
            let isMask = rules.values.contains { $0.mask?.isName(input.name) == true } && rules[input.name]?.columns == nil
            return !isMask || names[input.name] != nil
        }
        var bound: [Bound] = []
        var orders: [String: [String]] = [:]
        for input in filled {
            let rule = rules[input.name] ?? InputRule()
            let location = TableLocation(file: path, input: input.name)
            var chosen: [String]
            if kind == .npy {
                guard filled.count == 1 else {
                    throw .mismatch(
                        location,
                        reason: "an .npy file holds one array, and the model has \(filled.count) inputs: use .npz, one array for each")
                }
                chosen = [""]
            } else if let named = Self.arrayNames(input, rule, isOnly: filled.count == 1, names: inFileOrder, features: features, table) {
                chosen = named
            } else {
                chosen = []
                if filled.count == 1, rule.columns == nil {
                    // An array that cannot be read, such as one of Python objects, is no feature.
                    let numeric = features.compactMap { try? open($0) }.filter { $0.isFeature(of: input) }
                    if numeric.allSatisfy({ $0.width == 1 }) { chosen = numeric.map(\.name) }
                    try ColumnBinding.checkOrder(chosen, pinned[input.name], location)
                    orders[input.name] = chosen
                }
                guard !chosen.isEmpty else {
                    throw .mismatch(
                        location,
                        reason: "the file has no array of this name: its arrays are "
                            + (names.isEmpty ? "none" : listed(inFileOrder.map { "\"\($0)\"" })))
                }
            }
            var arrays: [ArrayRows] = []
            for name in chosen { arrays.append(try open(name)) }
            bound.append(try Self.bind(input, rule, arrays, tellsLengths ? nil : memory[input.name], location))
        }
        columnsInFileOrder = orders
        absentColumns = (table.privacy?.columns.sorted() ?? []).filter { names[$0] == nil }
        var kept: [ArrayRows] = []
        for name in table.keep {
            guard names[name] != nil else {
                throw .mismatch(
                    TableLocation(file: path, column: name),
                    reason: kind == .npy
                        ? "an .npy file has no columns to keep"
                        : "the file has no array of this name: " + suggestion(for: name, among: names.keys.sorted()))
            }
            let array = try open(name)
            guard array.width == 1 else {
                throw .mismatch(
                    TableLocation(file: path, column: name), reason: "a kept array has one value a row, this one \(array.width)")
            }
            kept.append(array)
        }
        let all = bound.flatMap(\.arrays) + kept
        guard let first = all.first else { throw .badRule("\(path): the model has no inputs") }
        for array in all where array.rowCount != first.rowCount {
            throw .mismatch(
                TableLocation(file: path, column: array.name),
                reason: "the array has \(array.rowCount) rows, \"\(first.name)\" has \(first.rowCount)")
        }
        self.bound = bound
        self.kept = kept
        hashes = try table.keep.map { (name) throws(ColumnarError) in try ColumnHash(of: name, table) }
        rowCount = first.rowCount
        cuttableBytes = kind == .npy && range == .whole ? try descriptor.size(file: path) : nil
        self.batchRows = max(batchRows, 1)
        places = inputs.map { input in bound.firstIndex { $0.input.name.isName(input.name) } }
        if tellsLengths {
            let planned = zip(inputs, places).map { input, place in
                let source = place.map { LengthPlan.Source.block(bound[$0].rowShape) } ?? .mask
                return (input: input, rule: rules[input.name] ?? InputRule(), source: source)
            }
            lengths = LengthBatches(
                try LengthPlan(planned, mixesLengths: lists.mixesLengths), file: path, rows: batchRows, limits: lists, memory: memory)
        } else {
            lengths = nil
        }
        boundColumns = NameMap(uniqueKeysWithValues: bound.map { ($0.input.name, $0.names) })
        keptFields = zip(kept, hashes).map { array, hash in
            hash?.field ?? Field(name: array.name, format: array.columnFormat, isNullable: false)
        }
    }

    /// Returns the number of rows of the first array.
    static func rowCount(path: String, format: TableFormat?) throws(ColumnarError) -> Int {
        let descriptor = try OwnedDescriptor(reading: path)
        guard format?.kind == .npz else { return try ArrayRows(name: "", EntryBytes(descriptor, file: path), file: path).rowCount }
        guard let entry = try ZipArchive(descriptor, file: path).entries.first else { return 0 }
        return try ArrayRows(name: entry.name, EntryBytes(descriptor, entry, file: path), file: path).rowCount
    }

    /// Returns how the file can be read in ranges. An array in an archive is not cut, because it has a checksum over all of it.
    package func rangePlan(byteCount: Int?) throws(ColumnarError) -> RangePlan {
        guard let cuttableBytes, lengths == nil, rowCount > 0 else { return .whole }
        let count = min(cuttableBytes / max(byteCount ?? TableFormat(.npy).rangeBytes(ofFile: cuttableBytes), 1), rowCount)
        guard count > 1 else { return .whole }
        return RangePlan(ranges: RowRange.between((0...count).map { rowCount / count * $0 + rowCount % count * $0 / count }) { .rows($0) })
    }

    package func next() throws(ColumnarError) -> InputBatch? {
        let rows = min(batchRows, rowCount - rowsGiven)
        guard rows > 0 else { return nil }
        var tensors: NameMap<Tensor> = [:]
        lengths?.begin()
        for bound in bound {
            bound.filler.begin(rows: batchRows)
            let place = InputPlace(file: file, input: bound.input.name, columns: bound.names, firstRow: rowsGiven + 1)
            let gapReason = bound.filler.refusesGaps ? bound.filler.gapReason : nil
            var columns: [Column] = []
            for array in bound.arrays {
                var column = try array.next(rows)
                if bound.input.elementType == .string { column = column.withBooleans(array) }
                columns.append(
                    try column.readable(
                        for: bound.input, bound.rule, nullWords: nullWords, gapReason: gapReason, place: place, column: columns.count,
                        valuesPerRow: array.width))
            }
            let source: InputSource = columns.count == 1 ? .rows(columns[0], width: bound.arrays[0].width) : .columns(columns)
            try bound.filler.append(source, rows: 0..<rows, place: place)
            tensors[bound.input.name] = bound.filler.take(rowShape: bound.input.dimensions.count == 1 ? [] : bound.rowShape)
        }
        var columns: [Column] = []
        for (array, hash) in zip(kept, hashes) {
            let column = try array.next(rows).withBooleans(array)
            columns.append(try hash?.hashed(column, file: file) ?? column)
        }
        rowsGiven += rows
        let keptRows = RecordBatch(columns: columns, rowCount: rows)
        if let lengths {
            let elements = places.map { place in place.flatMap { tensors[bound[$0].input.name] } }
            let groups = try lengths.groups(elements, rowCount: rows, firstRow: rowsGiven - rows + 1)
            return InputBatch(groups, kept: keptRows, rowCount: rows, firstRow: rowsGiven - rows + 1)
        }
        return InputBatch(tensors: tensors, kept: keptRows, rowCount: rows, firstRow: rowsGiven - rows + 1)
    }

    /// Returns the arrays that a rule or the input's own name finds; nil where none of these does.
    private static func arrayNames(
        _ input: ModelInput, _ rule: InputRule, isOnly: Bool, names: [String], features: [String], _ table: TableSchemaRule
    ) -> [String]? {
        func matching(_ pattern: String) -> [String] {
            let pattern = NamePattern(pattern)
            return names.filter { pattern.matches($0) && !table.isNoFeature($0) }.sorted { precedesNumerically($0, $1) }
        }
        var found: [String] = []
        switch rule.columns {
        case .pattern(let pattern): found = names.containsName(pattern) ? [pattern] : matching(pattern)
        case .list(let given):
            for name in given {
                let arrays = names.containsName(name) ? [name] : NamePattern.isPattern(name) ? matching(name) : []
                if arrays.isEmpty { found = []; break }
                found += arrays
            }
        case nil: break
        }
        if !found.isEmpty { return found }
        if names.containsName(input.name) { return [input.name] }
        if isOnly { return features.count == 1 ? features : nil }
        let numbered = input.width == 1 ? [] : matching(input.name + "_*")
        return numbered.isEmpty ? nil : numbered
    }

    private static func bind(
        _ input: ModelInput, _ rule: InputRule, _ arrays: [ArrayRows], _ memory: TensorBuffer?, _ location: TableLocation
    ) throws(ColumnarError) -> Bound {
        guard !input.dimensions.isEmpty else {
            throw .badRule("model input \"\(input.name)\" is a scalar without a row axis: no array can fill it")
        }
        let shape: [Int]
        if arrays.count == 1 {
            let array = arrays[0], inner = Array(array.header.shape.dropFirst())
            // Open axes have the extents of the array, where it has as many axes; others may be filled up.
            let fits =
                input.isUnranked
                || inner.count == input.dimensions.count - 1
                    && zip(inner, input.dimensions.dropFirst()).allSatisfy { $1 == nil || $1 == $0 || rule.pad != nil && $0 < $1! }
            guard let found = fits ? inner : input.rowShape(width: array.width) else {
                throw .mismatch(
                    location,
                    reason:
                        "its shape \(input.description) does not fit the array's "
                        + "[\(array.header.shape.map(String.init).joined(separator: ", "))]"
                )
            }
            shape = found
        } else {
            if let wide = arrays.first(where: { $0.width != 1 }) {
                throw .mismatch(
                    TableLocation(file: location.file, column: wide.name, input: input.name),
                    reason: "several arrays fill an input only where each has one value a row, and this one has \(wide.width)")
            }
            guard let found = input.rowShape(width: arrays.count) else {
                throw .mismatch(
                    location, reason: "its shape \(input.description) does not fit \(arrays.count) arrays: \(listed(arrays.map(\.name)))")
            }
            shape = found
        }
        for array in arrays {
            if case .numbers(.bool) = array.header.elements, input.elementType == .string {
                guard case .words? = rule.booleans else {
                    throw .mismatch(
                        TableLocation(file: location.file, column: array.name, input: input.name),
                        reason: Reason(BooleanSpelling.question(input.name)))
                }
            }
        }
        let width = arrays.count == 1 ? arrays[0].width : arrays.count
        let filler = try makeInputFiller(input, rule: rule, width: width, memory: memory)
        return Bound(input: input, rule: rule, arrays: arrays, filler: filler, rowShape: shape)
    }
}

extension ArrayRows {
    /// Tells whether the array is one of those that fill a model's only input where none are named.
    fileprivate func isFeature(of input: ModelInput) -> Bool {
        if case .numbers = header.elements { input.elementType != .string } else { input.elementType == .string }
    }

    var columnFormat: String {
        switch header.elements {
        case .numbers(.bool): "b"
        case .numbers(let type): ColumnType.format(of: type) ?? "l"
        default: "u"
        }
    }
}

extension Column {
    /// Returns a column of NumPy's booleans, which are bytes, as one of a table's, which are bits; other columns unchanged.
    fileprivate func withBooleans(_ array: ArrayRows) -> Column {
        guard array.columnFormat == "b" else { return self }
        return withExtendedLifetime(owner) {
            let bytes = values(as: UInt8.self)
            return Column(name: field.name, booleans: (0..<count).map { bytes[$0] != 0 })
        }
    }
}

/// Opens the rows of a file, in any format that is read.
package func openInputs(
    path: String, format: TableFormat? = nil, options: ReadOptions = ReadOptions(), inputs: [ModelInput],
    rules: NameMap<InputRule> = [:], schema: TableSchemaRule = TableSchemaRule(), batchRows: Int,
    memory: NameMap<TensorBuffer> = [:], pinned: [String: [String]] = [:], typing: KeptTyping = .asText, lists: ListLimits = ListLimits()
) throws(ColumnarError) -> any InputBatches {
    if (format ?? TableFormat(fileName: path))?.isArrays ?? false {
        return try ArrayBinder(
            path: path, format: format, inputs: inputs, rules: rules, schema: schema, batchRows: batchRows, memory: memory,
            nullWords: options.dialect.nullWords, lists: lists, pinned: pinned, range: options.range, descriptor: options.descriptor)
    }
    return try openTable(
        TableReader(path: path, format: format, options: options), inputs: inputs, rules: rules, schema: schema, batchRows: batchRows,
        memory: memory, pinned: pinned, typing: typing, lists: lists)
}
