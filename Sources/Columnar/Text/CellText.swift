internal import CArrow
internal import Tensors

/// Writes the cells of one column as text: a CSV cell or a JSON value.
struct CellText {
    private let write: (Int, inout [UInt8]) -> Void
    /// The memory that the closure's pointers point into.
    private let column: Column

    init(_ column: Column, isJSON: Bool, file: String) throws(ColumnarError) {
        let value = try CellText.value(of: column, isJSON: isJSON, file: file)
        self.column = column
        if column.mayHaveNulls {
            write = { row, text in
                if !column.isNull(row) {
                    value(row, &text)
                } else if isJSON {
                    text.append(contentsOf: "null".utf8)
                }
            }
        } else {
            write = value
        }
    }

    func append(_ row: Int, to text: inout [UInt8]) { withExtendedLifetime(column.owner) { write(row, &text) } }

    private static func value(of column: Column, isJSON: Bool, file: String) throws(ColumnarError) -> (Int, inout [UInt8]) -> Void {
        switch column.field.type {
        case .null: return { _, text in if isJSON { text.append(contentsOf: "null".utf8) } }
        case .boolean:
            let bits = column.values(as: UInt8.self) - Int(column.array.offset)
            let offset = Int(column.array.offset)
            return { row, text in
                let bit = offset + row
                text.append(contentsOf: (bits[bit >> 3] & (1 << UInt8(bit & 7)) != 0 ? "true" : "false").utf8)
            }
        case .number(let type): return number(column, type, isJSON: isJSON)
        case .string:
            let strings = try BytesColumn(column, file: file)
            return { row, text in
                let bytes = strings.bytes(row)
                if isJSON { appendJSONString(bytes, to: &text) } else { appendCSVText(bytes, to: &text) }
            }
        case .decimal, .time:
            let strings = try BytesColumn(column.cast(to: "u", file: file), file: file)
            let isQuoted = isJSON && column.field.type == .time
            return { row, text in
                if isQuoted { text.append(UInt8(ascii: "\"")) }
                text.append(contentsOf: strings.bytes(row))
                if isQuoted { text.append(UInt8(ascii: "\"")) }
            }
        case .binary:
            let bytes = try BytesColumn(column, file: file)
            return { row, text in
                if isJSON { text.append(UInt8(ascii: "\"")) }
                appendBase64(bytes.bytes(row), to: &text)
                if isJSON { text.append(UInt8(ascii: "\"")) }
            }
        case .dictionary:
            let format = column.field.valueFormat
            let plain = try CellText(
                column.cast(to: format == "vu" ? "u" : format == "vz" ? "z" : format, file: file), isJSON: isJSON, file: file)
            return { row, text in plain.append(row, to: &text) }
        case .list, .structure:
            let nested = try nestedValue(of: column, file: file)
            if isJSON { return nested }
            return { row, text in
                var json: [UInt8] = []
                nested(row, &json)
                json.withUnsafeBytes { appendCSVText($0, to: &text) }
            }
        case .other(let format):
            throw .unsupported(
                file: file,
                reason:
                    "column \"\(column.field.name)\" of Arrow type \(format) has no text form: do not keep it, or write Parquet or Arrow")
        }
    }

    private static func number(_ column: Column, _ type: ElementType, isJSON: Bool) -> (Int, inout [UInt8]) -> Void {
        func integers<Value: FixedWidthInteger>(_: Value.Type) -> (Int, inout [UInt8]) -> Void {
            let values = column.values(as: Value.self)
            return { row, text in appendDecimal(values[row], to: &text) }
        }
        func floats<Value: BinaryFloatingPoint & LosslessStringConvertible>(_: Value.Type) -> (Int, inout [UInt8]) -> Void {
            let values = column.values(as: Value.self)
            return { row, text in
                let value = values[row]
                if value.isFinite || !isJSON {
                    text.append(contentsOf: value.description.utf8)
                } else {
                    text.append(contentsOf: "null".utf8)
                }
            }
        }
        switch type {
        case .int8: return integers(Int8.self)
        case .uint8: return integers(UInt8.self)
        case .int16: return integers(Int16.self)
        case .uint16: return integers(UInt16.self)
        case .int32: return integers(Int32.self)
        case .uint32: return integers(UInt32.self)
        case .uint64: return integers(UInt64.self)
        case .float16: return floats(Float16.self)
        case .float32: return floats(Float.self)
        case .float64: return floats(Double.self)
        default: return integers(Int64.self)
        }
    }

    /// Writes a list as a JSON array and a struct as an object; a map is a list of its entries.
    private static func nestedValue(of column: Column, file: String) throws(ColumnarError) -> (Int, inout [UInt8]) -> Void {
        let offset = Int(column.array.offset)
        if column.field.type == .structure {
            var members: [(key: [UInt8], cell: CellText)] = []
            for index in 0..<Int(column.array.n_children) {
                guard let child = column.child(index) else { continue }
                var key: [UInt8] = []
                appendJSONString(child.field.name, to: &key)
                members.append((key + [UInt8(ascii: ":")], try CellText(child, isJSON: true, file: file)))
            }
            return { row, text in
                text.append(UInt8(ascii: "{"))
                for (index, member) in members.enumerated() {
                    if index > 0 { text.append(UInt8(ascii: ",")) }
                    text.append(contentsOf: member.key)
                    member.cell.append(offset + row, to: &text)
                }
                text.append(UInt8(ascii: "}"))
            }
        }
        guard let child = column.child(0) else {
            throw .unsupported(file: file, reason: "column \"\(column.field.name)\": a list without an element type")
        }
        let element = try CellText(child, isJSON: true, file: file)
        let format = column.field.format
        let range: (Int) -> Range<Int>
        if format.hasPrefix("+w:"), let width = Int(format.dropFirst(3)) {
            range = { row in (offset + row) * width..<(offset + row + 1) * width }
        } else if format == "+vL" {
            let offsets = column.values(as: Int64.self), sizes = column.sizes(as: Int64.self)
            range = { row in Int(offsets[row])..<Int(offsets[row] + sizes[row]) }
        } else if format == "+vl" {
            let offsets = column.values(as: Int32.self), sizes = column.sizes(as: Int32.self)
            range = { row in Int(offsets[row])..<Int(offsets[row]) + Int(sizes[row]) }
        } else if format == "+L" {
            let offsets = column.values(as: Int64.self)
            range = { row in Int(offsets[row])..<Int(offsets[row + 1]) }
        } else {
            let offsets = column.values(as: Int32.self)
            range = { row in Int(offsets[row])..<Int(offsets[row + 1]) }
        }
        return { row, text in
            text.append(UInt8(ascii: "["))
            let rows = range(row)
            for inner in rows {
                if inner > rows.lowerBound { text.append(UInt8(ascii: ",")) }
                element.append(inner, to: &text)
            }
            text.append(UInt8(ascii: "]"))
        }
    }
}
