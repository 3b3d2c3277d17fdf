internal import Names
internal import Reasons
internal import Recipes

/// Finds the cells that make columns of a CSV file text, although most of their cells look like numbers, such as `1,000`, `50%`, `-` and
/// `None`.
enum NumberLikeText {
    /// Returns the error of an input that found too few numeric columns, with the row of the first such cell of each of these columns.
    static func added(to error: ColumnarError, reader: TableReader, table: TableSchemaRule) -> ColumnarError {
        guard case .mismatch(let location, let reason) = error, reader.format.kind == .csv else { return error }
        let others = NameSet(table.key + table.keep)
        let places = reader.schema.fields.indices.filter { place in
            let field = reader.schema.fields[place]
            return field.type.isString && !field.name.isEmpty && !others.contains(field.name) && !table.isToLearn(field.name)
        }
        let found = (try? cells(of: places, reader)) ?? []
        guard !found.isEmpty else { return error }
        // The values of the cells are left out, because they may be personal.
        let shown = found.prefix(3).map { "\"\($0.name)\" (row \($0.row))" }.joined(separator: ", ")
        let rows = found.prefix(3).map { "row \($0.row)" }.joined(separator: ", ")
        let told: Reason = reason.cells == nil ? Reason(shown) : "\(cell: found[0].name, shown: shown, hidden: rows)"
        let more = found.count > 3 ? " and \(found.count - 3) more" : ""
        return .mismatch(
            location,
            reason:
                "\(reason). Columns that look like numbers are text because of a cell that is none: \(told)\(more). If such a cell is a "
                + "missing value, add its word to the dialect's null_words")
    }

    private struct Seen {
        let name: String
        var count = 0
        var numberLike = 0
        var first: (row: Int, text: String)?
    }

    private static func cells(of places: [Int], _ reader: TableReader) throws -> [(name: String, row: Int)] {
        guard !places.isEmpty else { return [] }
        var options = ReadOptions()
        options.dialect = reader.dialect
        options.descriptor = reader.descriptor.number
        let again = try TableReader(path: reader.file, format: reader.format, options: options)
        var seen = places.map { Seen(name: reader.schema.fields[$0].name) }
        try again.select(places.filter { $0 < again.schema.fields.count }.map { ColumnRequest(position: $0, format: "u") })
        let nullWords = Set(reader.nullWords ?? [])
        var firstRow = 1
        while let batch = try again.next() {
            for (index, column) in batch.columns.enumerated() {
                for (row, text) in try column.texts(file: reader.file).enumerated() {
                    guard let text, !nullWords.contains(text) else { continue }
                    seen[index].count += 1
                    if isNumberLike(text) { seen[index].numberLike += 1 }
                    if seen[index].first == nil, !isNumber(text, reader.dialect.decimal) {
                        seen[index].first = (firstRow + row, text)
                    }
                }
            }
            firstRow += batch.rowCount
        }
        return seen.compactMap { column in
            guard column.numberLike * 2 >= column.count, let first = column.first, TimeSpelling.iso(first.text) == nil else { return nil }
            return (column.name, first.row)
        }
    }

    /// Returns whether the text has a digit, with at most a sign, a currency and a decimal point before it.
    private static func isNumberLike(_ text: String) -> Bool {
        text.drop { " \t+-(.,$€£¥".contains($0) }.first.map { $0.isASCII && $0.isNumber } ?? false
    }

    private static func isNumber(_ text: String, _ decimalPoint: UInt8) -> Bool {
        let plain = text.drop(while: \.isWhitespace).reversed().drop(while: \.isWhitespace).reversed()
        let point = Character(UnicodeScalar(decimalPoint))
        if point != ".", plain.contains(".") { return false }
        let number = String(plain.map { $0 == point ? "." : $0 })
        return Double(number) != nil && !number.lowercased().contains("x") || BooleanSpelling.value(number) != nil
    }
}
