internal import Reasons
internal import Recipes
internal import Tensors

/// Finds columns of a text file that hold only booleans, or only times, and go into an input of text: other formats have types for these,
/// and no two tools spell them in the same way. The answer is known at the end of the file.
struct SpellingCheck {
    private let input: String
    private let asksForBooleans: Bool, asksForTimes: Bool
    private var columns: [Seen]

    private struct Seen {
        var hasValue = false
        var isBoolean: Bool, isTime: Bool
    }

    /// Makes the check; returns `nil` where the rule leaves nothing open.
    init?(_ input: ModelInput, _ rule: InputRule, columns count: Int, _ format: TableFormat) {
        guard input.elementType == .string, format.isText else { return nil }
        self.input = input.name
        // A JSON value says itself whether it is a boolean.
        asksForBooleans = rule.booleans == nil && format.kind == .csv
        asksForTimes = rule.times == nil
        guard asksForBooleans || asksForTimes else { return nil }
        columns = Array(repeating: Seen(isBoolean: asksForBooleans, isTime: asksForTimes), count: count)
    }

    mutating func look(_ source: InputSource, _ rows: Range<Int>, file: String) throws(ColumnarError) {
        guard case .columns(let given) = source else { return }
        for index in given.indices where columns[index].isBoolean || columns[index].isTime {
            guard given[index].field.type.isString else {
                if given[index].field.type != .null { (columns[index].isBoolean, columns[index].isTime) = (false, false) }
                continue
            }
            let cells = try BytesColumn(given[index], file: file)
            for row in rows where !given[index].isNull(row) {
                let text = cells[row]
                columns[index].hasValue = true
                if columns[index].isBoolean { columns[index].isBoolean = BooleanSpelling.value(text) != nil }
                if columns[index].isTime { columns[index].isTime = TimeSpelling.iso(text) != nil }
                if !columns[index].isBoolean, !columns[index].isTime { break }
            }
        }
    }

    /// Tells whether more rows can change the answer.
    var isOpen: Bool { columns.contains { $0.isBoolean || $0.isTime } }

    func finish(file: String, names: [String]) throws(ColumnarError) {
        for (seen, name) in zip(columns, names) where seen.hasValue && (seen.isBoolean || seen.isTime) {
            throw .mismatch(
                TableLocation(file: file, column: name, input: input),
                reason: Reason(seen.isBoolean ? BooleanSpelling.question(input) : TimeSpelling.question(input)))
        }
    }
}
