internal import CArrow
internal import Names
internal import Tensors

/// The columns to read, each once for every type that it is wanted as.
struct ColumnSelection {
    let schema: TableSchema
    let format: TableFormat
    private(set) var requests: [ColumnRequest] = []
    private var known: [ColumnRequest: Int] = [:]

    init(schema: TableSchema, format: TableFormat) {
        self.schema = schema
        self.format = format
    }

    /// A kept column, and what to cast it to once it is read: columns of text are read as their type, others are cast.
    mutating func keep(_ position: Int, types: NameMap<String>) throws(ColumnarError) -> (position: Int, cast: String?) {
        let field = schema.fields[position]
        var wanted: String?
        if let name = types[field.name] {
            guard let format = TableSchemaRule.format(ofType: name) else {
                throw .badRule("schema.types: \"\(name)\" is no type: give one of \(TableSchemaRule.typeNames.joined(separator: ", "))")
            }
            wanted = format
        }
        switch format.kind {
        case .csv: return (add(position, wanted ?? "u"), nil)
        case .jsonLines: return (add(position, wanted ?? (field.type == .null ? "u" : nil)), nil)
        default:
            let index = add(position, nil)
            return (index, wanted == field.format ? nil : wanted)
        }
    }

    mutating func asIs(_ position: Int) -> Int { add(position, nil) }

    /// A column for an input: in text, typed so that a cell which does not fit is an error where it stands.
    mutating func typed(_ position: Int, for type: ElementType) -> Int {
        guard format.isText else { return add(position, nil) }
        let guessed = schema.fields[position].type
        if format.kind == .jsonLines, type == .string, guessed.isNumeric { return add(position, nil) }
        return add(position, Self.textFormat(type, guessed: guessed))
    }

    private static func textFormat(_ type: ElementType, guessed: ColumnType) -> String {
        switch type {
        case .string: return "u"
        case .float64: return guessed == .boolean ? "b" : "g"
        case .float32, .float16, .bfloat16: return guessed == .boolean ? "b" : "f"
        default:
            if guessed == .boolean { return "b" }
            // Tools that know no missing integers write 3 as 3.0 where the column has gaps.
            if guessed == .number(.float64) { return "g" }
            if type == .bool, guessed != .number(.int64) { return "b" }
            return type == .uint64 ? "L" : "l"
        }
    }

    private mutating func add(_ position: Int, _ wanted: String?) -> Int {
        // A JSON key can be read as one type only; the first wish, a kept column's, decides.
        let request = ColumnRequest(position: position, format: wanted)
        let key = format.kind == .jsonLines ? ColumnRequest(position: position) : request
        if let index = known[key] { return index }
        known[key] = requests.count
        requests.append(request)
        return requests.count - 1
    }
}

extension Column {
    /// The column in a form that fillers read: dictionaries decoded, decimals as float64, and plain numbers, booleans and text.
    func readable(for type: ElementType, file: String) throws(ColumnarError) -> Column {
        switch field.type {
        case .dictionary(.decimal): return try cast(to: "g", file: file)
        case .dictionary: return try cast(to: field.valueFormat, file: file)
        case .decimal: return type == .string ? self : try cast(to: "g", file: file)
        case .string where type != .string:
            throw .mismatch(TableLocation(file: file, column: field.name), reason: "the column holds text, the input takes \(type.name)")
        default: return self
        }
    }

    /// The elements of lists that must all have `width` of them, or the first row that has not.
    func flattened(width: Int) -> (values: Column?, failure: (row: Int, reason: String)?) {
        guard let values = child(0) else { return (nil, nil) }
        for row in 0..<count where isNull(row) {
            return (nil, (row, "there is no list"))
        }
        if field.format.hasPrefix("+w:") {
            let first = Int(array.offset) * width
            return (values.slice(first..<first + count * width), nil)
        }
        func range(_ row: Int) -> Range<Int> {
            if field.format == "+L" {
                let offsets = self.values(as: Int64.self)
                return Int(offsets[row])..<Int(offsets[row + 1])
            }
            let offsets = self.values(as: Int32.self)
            return Int(offsets[row])..<Int(offsets[row + 1])
        }
        for row in 0..<count where range(row).count != width {
            return (nil, (row, "the list has \(range(row).count) elements, the input takes \(width)"))
        }
        let begin = count == 0 ? 0 : range(0).lowerBound
        return (values.slice(begin..<begin + count * width), nil)
    }
}
