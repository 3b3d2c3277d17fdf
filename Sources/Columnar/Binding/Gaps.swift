internal import CArrow

/// Describes the first missing value of an input that takes none.
struct Gap {
    let row: Int
    let column: Int
}

extension InputSource {
    /// Returns the first of these rows that lacks a value: a null, or a NaN where the input holds numbers.
    func gap(in rows: Range<Int>) -> Gap? {
        switch self {
        case .rows(let column, let width):
            let values = rows.lowerBound * width..<rows.upperBound * width
            return column.firstGap(in: values).map { Gap(row: $0 / max(width, 1), column: 0) }
        case .columns(let columns):
            let found = columns.enumerated().compactMap { index, column in column.firstGap(in: rows).map { Gap(row: $0, column: index) } }
            return found.min { $0.row < $1.row }
        }
    }
}

extension Column {
    fileprivate func firstGap(in rows: Range<Int>) -> Int? {
        if field.type == .null { return rows.first }
        let hasNulls = mayHaveNulls
        return rows.first { row in hasNulls && isNull(row) || isNaN(row) }
    }

    func isNaN(_ row: Int) -> Bool {
        switch field.format {
        case "f": values(as: Float.self)[row].isNaN
        case "g": values(as: Double.self)[row].isNaN
        case "e": values(as: Float16.self)[row].isNaN
        default: false
        }
    }
}
