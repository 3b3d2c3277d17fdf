import Recipes

/// Holds the first rows of a table, described column by column, from which a first pipeline for such files can be made.
package struct TableSample {
    package let columns: [ColumnSample]
    package let rowCount: Int

    /// Reads at most `limit` rows with the reader that scoring uses, so that files which scoring refuses are refused here too.
    package init(path: String, options: ReadOptions = ReadOptions(), limit: Int = 1000) throws(ColumnarError) {
        let reader = try TableReader(path: path, options: options)
        guard let first = try reader.next() else {
            columns = reader.schema.fields.map { ColumnSample(name: $0.name, type: $0.type) }
            rowCount = 0
            return
        }
        let batch = first.rowCount > limit ? first.slice(0..<limit) : first
        var texts: [String: Column] = [:]
        if reader.format.kind == .csv {
            // The texts are kept as the file has them: a number in the file may be a text such as 007.
            let again = try TableReader(path: path, options: options)
            try again.select(again.schema.fields.indices.map { ColumnRequest(position: $0, format: "u") })
            for column in try Self.rows(of: again, limit)?.batch.columns ?? [] { texts[column.field.name] = column }
        }
        let missing = Set(options.dialect.nullWords ?? [])
        var columns: [ColumnSample] = []
        for column in batch.columns {
            columns.append(try ColumnSample(column, asWritten: texts[column.field.name], missing: missing, file: path))
        }
        self.columns = columns
        rowCount = batch.rowCount
    }

    private static func rows(of reader: TableReader, _ limit: Int) throws(ColumnarError) -> (batch: RecordBatch, isWhole: Bool)? {
        guard let first = try reader.next() else { return nil }
        if first.rowCount > limit { return (first.slice(0..<limit), false) }
        return (first, try reader.next() == nil)
    }
}

/// Describes one column of a sample.
package struct ColumnSample: Sendable {
    package let name: String
    package let type: ColumnType
    /// The number of rows without a value.
    package var missingCount = 0
    /// The shortest and the longest length of lists that hold numbers or text; nil for other columns.
    package var lengths: ClosedRange<Int>?
    /// Tells whether lists hold lists.
    package var isNested = false
    /// The values as text, without the missing ones; empty for lists and other types without a plain text.
    package var texts: [String] = []

    init(name: String, type: ColumnType) { (self.name, self.type) = (name, type) }

    /// - Parameters:
    ///   - asWritten: the same rows with the file's own spelling, where it is text.
    ///   - missing: the words that stand for a missing value.
    init(_ column: Column, asWritten: Column?, missing: Set<String>, file: String) throws(ColumnarError) {
        self.init(name: column.field.name, type: column.field.type)
        switch type {
        case .list:
            (lengths, isNested) = (Self.lengths(of: column), column.field.child(0)?.type == .list)
            missingCount = (0..<column.count).count { column.isNull($0) }
        case .string, .number, .boolean, .decimal, .time, .dictionary:
            let spelled = if let asWritten { asWritten } else { try column.cast(to: "u", file: file) }
            let found = try spelled.texts(file: file)
            for (row, text) in found.enumerated() where !column.isNull(row) {
                guard let text, !missing.contains(text), type.isString || text.lowercased() != "nan" else { continue }
                texts.append(text)
            }
            missingCount = column.count - texts.count
        case .null: missingCount = column.count
        case .binary, .structure, .other: break
        }
    }

    /// Tells whether every row has a value that no other row has.
    package var isUnique: Bool { missingCount == 0 && !texts.isEmpty && Set(texts.map { Array($0.utf8) }).count == texts.count }

    /// Tells whether all values are whole numbers, spelled as a program would print them.
    package var isCanonicalIntegers: Bool { !texts.isEmpty && texts.allSatisfy { text in Int64(text).map { "\($0)" == text } ?? false } }

    /// Tells whether the column is text of which every value is a date or a time.
    package var holdsTimes: Bool { type.isString && !texts.isEmpty && texts.allSatisfy { TimeSpelling.iso($0) != nil } }

    private static func lengths(of column: Column) -> ClosedRange<Int>? {
        if column.field.format.hasPrefix("+w:"), let length = Int(column.field.format.dropFirst(3)) { return length...length }
        func extremes<Offset: FixedWidthInteger>(_: Offset.Type) -> ClosedRange<Int>? {
            let offsets = column.values(as: Offset.self)
            let all = (0..<column.count).filter { !column.isNull($0) }.map { Int(offsets[$0 + 1] - offsets[$0]) }
            guard let least = all.min(), let most = all.max() else { return nil }
            return least...most
        }
        switch column.field.format {
        case "+l", "+m": return extremes(Int32.self)
        case "+L": return extremes(Int64.self)
        default: return nil
        }
    }
}
