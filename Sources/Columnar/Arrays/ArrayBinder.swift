package import Names
package import Tensors

/// Rows of a `.npy` or `.npz` file as the model's inputs.
///
/// An `.npz` has one array for each input, under its name (or under the one name in its rule's `columns`); the only array goes to
/// the only input whatever it is called, and a `.npy` file is that array. The first axis is the rows, of which all arrays have as
/// many; the others must have as many elements as the input's. Kept columns are arrays of one value a row. Types convert as
/// table columns do. Row numbers count from 1.
package final class ArrayBinder: InputBatches {
    package let boundColumns: NameMap<[String]>
    package let columnsInFileOrder: [String: [String]] = [:]
    /// All rows of an array have one shape, so no axis depends on the row.
    package var listAxes: (names: NameSet, isEmpty: Bool) { ([], true) }
    package let keptFields: [Field]

    private struct Bound {
        let port: InputPort
        let rule: InputRule
        let array: ArrayRows
        let filler: any PortFiller
        let rowShape: [Int]
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
    private var rowsGiven = 0

    package init(
        path: String, format: TableFormat? = nil, ports: [InputPort], rules: NameMap<InputRule> = [:],
        schema table: TableSchemaRule = TableSchemaRule(), batchRows: Int, memory: NameMap<TensorBuffer> = [:],
        nullWords: [String]? = nil, lists: ListLimits = ListLimits()
    ) throws(ColumnarError) {
        file = path
        self.nullWords = nullWords
        let descriptor = try OwnedDescriptor(reading: path)
        let kind = (format ?? TableFormat(fileName: path))?.kind
        var names: NameMap<ZipArchive.Entry> = [:]
        if kind == .npz {
            for entry in try ZipArchive(descriptor, file: path).entries {
                names[entry.name.hasSuffix(".npy") ? String(entry.name.dropLast(4)) : entry.name] = entry
            }
        } else if kind != .npy {
            throw .unsupported(file: path, reason: "not an array file by its name")
        }
        func open(_ name: String) throws(ColumnarError) -> ArrayRows {
            guard let entry = names[name] else { return try ArrayRows(name: "", EntryBytes(descriptor, file: path), file: path) }
            return try ArrayRows(name: name, EntryBytes(descriptor, entry, file: path), file: path)
        }
        let features = names.keys.filter { name in
            !table.keep.containsName(name) && !table.key.containsName(name) && !table.isToLearn(name)
        }
        for name in rules.keys.sorted() where !ports.contains(where: { $0.name.isName(name) }) {
            throw .badRule("the pipeline has a rule for the input \"\(name)\", which the model lacks: its inputs are " + ports.map { "\"\($0.name)\"" }.joined(separator: ", "))
        }
        let tellsLengths = rules.values.contains(where: \.tellsLengths)
        let filled = ports.filter { port in
            let isMask = rules.values.contains { $0.mask?.isName(port.name) == true } && rules[port.name]?.columns == nil
            return !isMask || names[port.name] != nil
        }
        var bound: [Bound] = []
        for port in filled {
            let rule = rules[port.name] ?? InputRule()
            let location = TableLocation(file: path, input: port.name)
            let name: String
            if kind == .npy {
                guard filled.count == 1 else {
                    throw .mismatch(
                        location,
                        reason: "an .npy file holds one array, and the model has \(filled.count) inputs: use .npz, one array for each")
                }
                name = ""
            } else {
                name = try Self.arrayName(port, rule, isOnly: filled.count == 1, names: names.keys.sorted(), features: features, location)
            }
            let array = try open(name)
            bound.append(try Self.bind(port, rule, array, tellsLengths ? nil : memory[port.name], location))
        }
        var kept: [ArrayRows] = []
        for name in table.keep {
            guard names[name] != nil else {
                throw .mismatch(
                    TableLocation(file: path, column: name),
                    reason: kind == .npy ? "an .npy file has no columns to keep" : "the file has no array of this name: " + suggestion(for: name, among: names.keys.sorted()))
            }
            let array = try open(name)
            guard array.width == 1 else {
                throw .mismatch(TableLocation(file: path, column: name), reason: "a kept array has one value a row, this one \(array.width)")
            }
            kept.append(array)
        }
        let all = bound.map(\.array) + kept
        guard let first = all.first else { throw .badRule("\(path): the model has no inputs") }
        for array in all where array.rowCount != first.rowCount {
            throw .mismatch(
                TableLocation(file: path, column: array.name),
                reason: "the array has \(array.rowCount) rows, \"\(first.name)\" has \(first.rowCount)")
        }
        self.bound = bound
        self.kept = kept
        rowCount = first.rowCount
        self.batchRows = max(batchRows, 1)
        places = ports.map { port in bound.firstIndex { $0.port.name.isName(port.name) } }
        if tellsLengths {
            let inputs = zip(ports, places).map { port, place in
                let source = place.map { LengthPlan.Source.block(bound[$0].rowShape) } ?? .mask
                return (port: port, rule: rules[port.name] ?? InputRule(), source: source)
            }
            lengths = LengthBatches(
                try LengthPlan(inputs, mixesLengths: lists.mixesLengths), file: path, rows: batchRows, limits: lists, memory: memory)
        } else {
            lengths = nil
        }
        boundColumns = NameMap(uniqueKeysWithValues: bound.map { ($0.port.name, [$0.array.name]) })
        keptFields = kept.map { Field(name: $0.name, format: $0.columnFormat, isNullable: false) }
    }

    /// Returns the number of rows of the first array.
    static func rowCount(path: String, format: TableFormat?) throws(ColumnarError) -> Int {
        let descriptor = try OwnedDescriptor(reading: path)
        guard format?.kind == .npz else { return try ArrayRows(name: "", EntryBytes(descriptor, file: path), file: path).rowCount }
        guard let entry = try ZipArchive(descriptor, file: path).entries.first else { return 0 }
        return try ArrayRows(name: entry.name, EntryBytes(descriptor, entry, file: path), file: path).rowCount
    }

    package func next() throws(ColumnarError) -> InputBatch? {
        let rows = min(batchRows, rowCount - rowsGiven)
        guard rows > 0 else { return nil }
        var tensors: NameMap<Tensor> = [:]
        lengths?.begin()
        for bound in bound {
            bound.filler.begin(rows: batchRows)
            let place = PortPlace(file: file, input: bound.port.name, columns: [bound.array.name], firstRow: rowsGiven + 1)
            var column = try bound.array.next(rows)
            if bound.port.elementType == .string { column = column.withBooleans(bound.array) }
            column = try column.readable(
                for: bound.port, bound.rule, nullWords: nullWords, gapReason: bound.filler.refusesGaps ? bound.filler.gapReason : nil,
                place: place, valuesPerRow: bound.array.width)
            try bound.filler.append(.rows(column, width: bound.array.width), rows: 0..<rows, place: place)
            tensors[bound.port.name] = bound.filler.take(rowShape: bound.port.dimensions.count == 1 ? [] : bound.rowShape)
        }
        var columns: [Column] = []
        for array in kept { columns.append(try array.next(rows).withBooleans(array)) }
        rowsGiven += rows
        let keptRows = RecordBatch(columns: columns, rowCount: rows)
        if let lengths {
            let elements = places.map { place in place.flatMap { tensors[bound[$0].port.name] } }
            let groups = try lengths.groups(elements, rowCount: rows, firstRow: rowsGiven - rows + 1)
            return InputBatch(groups, kept: keptRows, rowCount: rows, firstRow: rowsGiven - rows + 1)
        }
        return InputBatch(tensors: tensors, kept: keptRows, rowCount: rows, firstRow: rowsGiven - rows + 1)
    }

    private static func arrayName(
        _ port: InputPort, _ rule: InputRule, isOnly: Bool, names: [String], features: [String], _ location: TableLocation
    ) throws(ColumnarError) -> String {
        switch rule.columns {
        case .pattern(let pattern) where !pattern.contains("*") && !pattern.contains("?"): if names.containsName(pattern) { return pattern }
        case .list(let given) where given.count == 1: if names.containsName(given[0]) { return given[0] }
        default: break
        }
        if names.containsName(port.name) { return port.name }
        if isOnly, features.count == 1 { return features[0] }
        throw .mismatch(
            location, reason: "the file has no array of this name: its arrays are " + (names.isEmpty ? "none" : names.map { "\"\($0)\"" }.joined(separator: ", ")))
    }

    private static func bind(
        _ port: InputPort, _ rule: InputRule, _ array: ArrayRows, _ memory: TensorBuffer?, _ location: TableLocation
    ) throws(ColumnarError) -> Bound {
        guard !port.dimensions.isEmpty else { throw .badRule("model input \"\(port.name)\" is a scalar without a row axis: no array can fill it") }
        let inner = Array(array.header.shape.dropFirst())
        // Open axes are as the array has them, where it has as many; others may be filled up.
        let fits = port.isUnranked || inner.count == port.dimensions.count - 1
            && zip(inner, port.dimensions.dropFirst()).allSatisfy { $1 == nil || $1 == $0 || rule.pad != nil && $0 < $1! }
        guard let shape = fits ? inner : port.rowShape(width: array.width) else {
            throw .mismatch(location, reason: "its shape \(port.description) does not fit the array's [\(array.header.shape.map(String.init).joined(separator: ", "))]")
        }
        if case .numbers(.bool) = array.header.elements, port.elementType == .string {
            guard case .words? = rule.booleans else {
                throw .mismatch(
                    TableLocation(file: location.file, column: array.name, input: port.name), reason: BooleanText.question(port.name))
            }
        }
        let filler = try makePortFiller(port, rule: rule, width: array.width, memory: memory)
        return Bound(port: port, rule: rule, array: array, filler: filler, rowShape: shape)
    }
}

extension ArrayRows {
    var columnFormat: String {
        switch header.elements {
        case .numbers(.bool): "b"
        case .numbers(let type): ColumnType.format(of: type) ?? "l"
        default: "u"
        }
    }
}

extension Column {
    /// NumPy's booleans are bytes, a table's are bits.
    fileprivate func withBooleans(_ array: ArrayRows) -> Column {
        guard array.columnFormat == "b" else { return self }
        return withExtendedLifetime(owner) {
            let bytes = values(as: UInt8.self)
            return Column(name: field.name, booleans: (0..<count).map { bytes[$0] != 0 })
        }
    }
}

/// The rows of a file of any format that is read.
package func openInputs(
    path: String, format: TableFormat? = nil, options: ReadOptions = ReadOptions(), ports: [InputPort],
    rules: NameMap<InputRule> = [:], schema: TableSchemaRule = TableSchemaRule(), batchRows: Int,
    memory: NameMap<TensorBuffer> = [:], pinned: [String: [String]] = [:], typing: KeptTyping = .asText, lists: ListLimits = ListLimits()
) throws(ColumnarError) -> any InputBatches {
    if (format ?? TableFormat(fileName: path))?.isArrays ?? false {
        return try ArrayBinder(
            path: path, format: format, ports: ports, rules: rules, schema: schema, batchRows: batchRows, memory: memory,
            nullWords: options.dialect.nullWords, lists: lists)
    }
    return try openTable(
        TableReader(path: path, format: format, options: options), ports: ports, rules: rules, schema: schema, batchRows: batchRows,
        memory: memory, pinned: pinned, typing: typing, lists: lists)
}
