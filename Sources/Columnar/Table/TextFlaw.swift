internal import CArrow
internal import Reasons
internal import Recipes
internal import Tensors

/// The reason that every format gives for a date or a time in an input of numbers.
let timeIsNoNumber = "a date or a time, and no number"

/// Says why a text is not a value of a type, which is given by its Arrow format string.
func textFlaw(_ flaw: Int32, _ text: String, type: String) -> Reason {
    switch Int(flaw) {
    case CARROW_FLAW_NOT_A_NUMBER: TimeSpelling.iso(text) == nil ? "\(cell: text) is no number" : Reason(timeIsNoNumber).about(cell: text)
    case CARROW_FLAW_NOT_A_BOOLEAN:
        TimeSpelling.iso(text) == nil ? "\(cell: text) is neither true nor false" : Reason(timeIsNoNumber).about(cell: text)
    case CARROW_FLAW_NOT_A_TIME: "\(cell: text) is no \(type == "tdD" ? "date" : "time"), as ISO 8601 writes them"
    case CARROW_FLAW_NOT_UTF8: "invalid UTF8 data"
    // The text is "a list" or "an object", without its content.
    case CARROW_FLAW_NESTED: "\(text) where one value is wanted"
    case CARROW_FLAW_NOT_NESTED: "\(cell: text, hidden: "one value") where a list is wanted"
    case CARROW_FLAW_MIXED: "\(cell: text) is of another kind than the values in the rows before it"
    default: "\(cell: text, shown: "the value " + numberText(text)) does not fit \(typeName(type))"
    }
}

/// Returns a number's text as errors print it in every format, whether the file has text, a float or an integer.
func numberText(_ text: String) -> String {
    if text.utf8.allSatisfy({ $0 >= UInt8(ascii: "0") && $0 <= UInt8(ascii: "9") || $0 == UInt8(ascii: "-") }) { return text }
    let isWord = !text.utf8.contains { $0 >= UInt8(ascii: "0") && $0 <= UInt8(ascii: "9") }
    if let value = Double(text), value.isFinite || isWord {
        let shown = value.description
        return shown.hasSuffix(".0") ? String(shown.dropLast(2)) : shown
    }
    return text
}

private func typeName(_ format: String) -> String {
    if case .number(let type) = ColumnType(format: format) { return type.name }
    return format == "b" ? "bool" : ColumnType(format: format).name
}
