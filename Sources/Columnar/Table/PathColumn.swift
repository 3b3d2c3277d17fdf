internal import Recipes
internal import Tensors

/// Describes a column whose value is in the path, as Hive, Spark and DuckDB partition tables: `sales/date=2024-01-01/part-0.parquet` has
/// the date in every row.
struct PathColumn {
    let name: String
    /// The value; `nil` for the folder that Hive gives rows without a value.
    let value: String?
    /// The first number and the step of an index that pandas only counts, and that its metadata names; `nil` for a folder's column.
    var range: PandasIndex.Range?

    /// Returns the columns that the folders above a file name; where a name appears twice, the nearest folder counts.
    static func all(of path: String) -> [PathColumn] {
        var columns: [PathColumn] = []
        for folder in path.utf8.split(separator: UInt8(ascii: "/")).dropLast() {
            guard let equals = folder.firstIndex(of: UInt8(ascii: "=")), equals > folder.startIndex else { continue }
            let name = decoded(folder[..<equals]), value = decoded(folder[folder.index(after: equals)...])
            columns.removeAll { $0.name.utf8.elementsEqual(name.utf8) }
            columns.append(PathColumn(name: name, value: value == "__HIVE_DEFAULT_PARTITION__" ? nil : value))
        }
        return columns
    }

    /// The field of the column: a number or a boolean where the text is exactly what that type prints, otherwise text, like kept columns of
    /// CSV.
    var field: Field { Field(name: name, format: range == nil ? value.map { KeptType.first(fitting: $0).format } ?? "u" : "l") }

    /// - Parameter firstRow: the number of rows before these, from 0.
    func column(_ field: Field, firstRow: Int, rowCount: Int, file: String) throws(ColumnarError) -> Column {
        if let range {
            let buffer = TensorBuffer(byteCount: max(rowCount, 1) * MemoryLayout<Int64>.stride)
            let numbers = buffer.address.bindMemory(to: Int64.self, capacity: max(rowCount, 1))
            for row in 0..<rowCount { numbers[row] = range.start &+ range.step &* Int64(firstRow + row) }
            return try Column(name: name, format: "l", count: rowCount, adopting: buffer).cast(to: field.format, file: file)
        }
        guard let value else { return Column(name: name, nullTexts: rowCount).withType(field, file: file) }
        return try Column(name: name, strings: repeatElement(value, count: rowCount)).cast(to: field.format, file: file)
    }

    /// Decodes `%3A` and the like, which names and values have for characters that folders cannot have.
    private static func decoded(_ text: Substring.UTF8View) -> String {
        var bytes: [UInt8] = []
        var rest = text
        while let byte = rest.popFirst() {
            if byte == UInt8(ascii: "%"), let code = UInt8(String(Substring(rest.prefix(2))), radix: 16), rest.count >= 2 {
                bytes.append(code)
                rest = rest.dropFirst(2)
            } else {
                bytes.append(byte)
            }
        }
        return String(decoding: bytes, as: UTF8.self)
    }
}

extension Column {
    /// Makes a column of text without any value.
    fileprivate init(name: String, nullTexts count: Int) {
        let memory = MemoryOwner()
        let bits = memory.allocate(UInt8.self, count: count / 8 + 1)
        bits.update(repeating: 0, count: count / 8 + 1)
        let offsets = memory.allocate(Int32.self, count: count + 1)
        offsets.update(repeating: 0, count: count + 1)
        self.init(
            name: name, format: "u", count: count,
            buffers: [UnsafeRawPointer(bits), UnsafeRawPointer(offsets), UnsafeRawPointer(memory.allocate(byteCount: 8))], memory: memory,
            nullCount: count, isNullable: true)
    }

    fileprivate func withType(_ field: Field, file: String) -> Column { (try? cast(to: field.format, file: file)) ?? self }
}
