internal import CArrow
import Machine
internal import Reasons
internal import Recipes
internal import Tensors

final class StringFiller: InputFiller {
    private let width: Int
    private let fill: String?
    private let booleans: BooleanSpelling?
    private let times: TimeSpelling?
    private var values: [String] = []

    var refusesGaps: Bool { fill == nil }

    init(_ input: ModelInput, _ rule: InputRule, _ width: Int) throws(ColumnarError) {
        self.width = width
        (booleans, times) = (rule.booleans, rule.times)
        if rule.scale != nil || rule.offset != nil { throw .badRule("model input \"\(input.name)\" holds strings, which cannot be scaled") }
        gapReason = "there is no value" + (rule.missing == .refused ? "" : ": give the input `missing:` a text if that is meant")
        switch rule.missing {
        case .error, .refused: fill = nil
        case .text(let text): fill = text
        case .value(let value): fill = value == value.rounded() && abs(value) < 1e15 ? String(Int(value)) : value.description
        case .nan: throw .badRule("missing: nan does not fit model input \"\(input.name)\", which holds strings: give a text, or error")
        }
    }

    func begin(rows: Int) { values.removeAll(keepingCapacity: true) }

    func take(rowShape: [Int]) -> Tensor {
        Tensor(strings: values, shape: Shape([width == 0 ? 0 : values.count / width] + rowShape))
    }

    func append(_ source: InputSource, rows: Range<Int>, place: InputPlace) throws(ColumnarError) {
        switch source {
        case .rows(let column, let width):
            let cell = try cells(of: column, place)
            for index in rows.lowerBound * width..<rows.upperBound * width {
                values.append(try text(cell(index), place, row: index / width, column: 0))
            }
        case .columns(let columns):
            var cell: [(Int) -> String?] = []
            for column in columns { cell.append(try cells(of: column, place)) }
            for row in rows {
                for index in cell.indices { values.append(try text(cell[index](row), place, row: row, column: index)) }
            }
        }
    }

    let gapReason: String

    private func text(_ cell: String?, _ place: InputPlace, row: Int, column: Int) throws(ColumnarError) -> String {
        guard let cell else {
            guard let fill else { throw place.error(row: row, column: column, Reason(gapReason)) }
            return fill
        }
        guard times == .iso else { return booleans?.respelled(cell) ?? cell }
        guard let time = TimeSpelling.iso(cell) else {
            throw place.error(row: row, column: column, "\(cell: cell) is no date or time, as ISO 8601 writes them")
        }
        return time
    }

    /// Returns the text of each row; `nil` for a missing value. Numbers are written as in CSV output.
    private func cells(of column: Column, _ place: InputPlace) throws(ColumnarError) -> (Int) -> String? {
        if column.field.type.isString {
            let strings = try BytesColumn(column, file: place.file)
            return { row in column.isNull(row) ? nil : strings[row] }
        }
        var plain = column
        // Times with a zone are printed in UTC.
        if column.field.format.hasPrefix("ts"), column.field.format.utf8.count > 4 {
            plain = try column.cast(to: String(column.field.format.prefix(3)) + ":UTC", file: place.file)
        }
        let cell = try CellText(plain, isJSON: false, file: place.file)
        return { row in
            if plain.isNull(row) { return nil }
            var text: [UInt8] = []
            cell.append(row, to: &text)
            return String(decoding: text, as: UTF8.self)
        }
    }
}
