internal import CArrow
internal import Names
internal import Reasons
internal import Recipes
internal import Tensors

/// Gathers the columns to read, each once for every type that it is wanted as.
struct ColumnSelection {
    let schema: TableSchema
    let format: TableFormat
    private(set) var requests: [ColumnRequest] = []
    private var known: [ColumnRequest: Int] = [:]

    init(schema: TableSchema, format: TableFormat) {
        self.schema = schema
        self.format = format
    }

    /// Adds a kept column. Returns its position, and the type to cast it to once it is read: columns of text are read as their type, others
    /// are cast.
    /// - Parameter isHashed: whether its values are hashed, so that missing ones must be told from texts.
    mutating func keep(
        _ position: Int, types: NameMap<String>, isHashed: Bool = false
    ) throws(ColumnarError) -> (position: Int, cast: String?) {
        let field = schema.fields[position]
        var wanted: String?
        if let name = types[field.name] {
            guard let format = TableSchemaRule.format(ofType: name) else {
                throw .badRule("schema.types: \"\(name)\" is no type: give one of \(TableSchemaRule.typeNames.joined(separator: ", "))")
            }
            wanted = format
        }
        switch format.kind {
        case .csv: return (add(position, isHashed ? "~" + (wanted ?? "u") : wanted ?? "u"), nil)
        // Numbers that no type holds exactly stay text.
        case .jsonLines: return (add(position, wanted ?? (field.type == .null || field.type == .decimal ? "u" : nil)), nil)
        default:
            let index = add(position, nil)
            return (index, wanted == field.format ? nil : wanted)
        }
    }

    /// Adds a column for an input. In text files it is typed, so that a cell which does not fit is an error at its place.
    mutating func typed(_ position: Int, for input: ModelInput, _ rule: InputRule) -> Int {
        guard format.isText else { return add(position, nil) }
        let hasWords = if case .words? = rule.booleans { true } else { false }
        let wanted = input.elementType == .string || hasWords ? "~u" : parsedFormat(of: input.elementType)
        return add(position, (schema.fields[position].type == .list ? "@" : "") + wanted)
    }

    private mutating func add(_ position: Int, _ wanted: String?) -> Int {
        let request = ColumnRequest(position: position, format: wanted)
        if let index = known[request] { return index }
        known[request] = requests.count
        requests.append(request)
        return requests.count - 1
    }
}

/// Returns the Arrow format that text is read as for an input of numbers or booleans: the input's own type, or float64 where Arrow has no
/// such type.
func parsedFormat(of type: ElementType) -> String { ColumnType.format(of: type) ?? "g" }

extension Column {
    /// Returns the column in a form that fillers read: plain numbers, booleans, times and text. Text and decimals become values of the
    /// input's type by the rules of CSV cells; dictionaries are decoded. `gapReason` is the message for a missing value where the input
    /// takes none.
    func readable(
        for input: ModelInput, _ rule: InputRule, nullWords: [String]?, gapReason: String?, place: InputPlace, column index: Int = 0,
        valuesPerRow: Int = 1
    ) throws(ColumnarError) -> Column {
        let takesText = input.elementType == .string
        if !takesText, field.type.isString, case .words(let no, let yes)? = rule.booleans {
            return try booleans(no: no, yes: yes, nullWords, place, index, valuesPerRow)
        }
        if !takesText, field.type.ofValues == .time {
            guard let row = (0..<count).first(where: { !isNull($0) }) else { return Column(name: field.name, nulls: count) }
            throw place.error(row: row / max(valuesPerRow, 1), column: index, Reason(timeIsNoNumber))
        }
        switch field.type {
        case .dictionary(.string) where takesText, .dictionary(.boolean), .dictionary(.number), .dictionary(.time):
            // A view is converted like any other text.
            return try cast(to: field.valueFormat == "vu" ? "u" : field.valueFormat, file: place.file)
        case .string where !takesText, .decimal where !takesText, .dictionary(.string), .dictionary(.decimal):
            do throws(ColumnarError) {
                return try parsed(
                    as: takesText ? "u" : parsedFormat(of: input.elementType), nullWords: takesText ? [] : nullWords, file: place.file)
            } catch .badValue(let location, let reason) {
                let missing = Set(nullWords ?? [""])
                let before = (location.row ?? 1) - 1
                if let gapReason, let texts = try? texts(file: place.file),
                    let gap = (0..<before).first(where: { row in texts[row].map { missing.contains($0) } ?? true })
                {
                    throw place.error(row: gap / max(valuesPerRow, 1), column: index, Reason(gapReason))
                }
                throw place.error(row: ((location.row ?? 1) - 1) / max(valuesPerRow, 1), column: index, reason)
            }
        default: return self
        }
    }

    /// Returns texts as booleans, by the words that a pipeline gives and the usual ones.
    private func booleans(
        no: String, yes: String, _ nullWords: [String]?, _ place: InputPlace, _ index: Int, _ valuesPerRow: Int
    ) throws(ColumnarError) -> Column {
        let words = BooleanSpelling.words(no: no, yes: yes), missing = Set(nullWords ?? [""])
        var values: [Bool?] = []
        values.reserveCapacity(count)
        for (row, text) in try texts(file: place.file).enumerated() {
            guard let text, !missing.contains(text) else {
                values.append(nil)
                continue
            }
            guard let value = words.value(text) else {
                throw place.error(row: row / max(valuesPerRow, 1), column: index, "\(cell: text) is neither \"\(no)\" nor \"\(yes)\"")
            }
            values.append(value)
        }
        return Column(name: field.name, booleans: values)
    }
}
