package import Reasons

/// Names the place of a fault in a table. Rows are counted from 1, the same in every format: neither a CSV header nor blank lines of text
/// are counted.
package struct TableLocation: Hashable, Sendable, CustomStringConvertible {
    package var file: String
    package var row: Int?
    package var column: String?
    /// The model input that wants the value.
    package var input: String?

    package init(file: String, row: Int? = nil, column: String? = nil, input: String? = nil) {
        self.file = file
        self.row = row
        self.column = column
        self.input = input
    }

    package var description: String {
        var parts: [String] = []
        if let row { parts.append("row \(row)") }
        if let column { parts.append("column \"\(column)\"") }
        if let input { parts.append("model input \"\(input)\"") }
        return parts.isEmpty ? file : file + ": " + parts.joined(separator: ", ")
    }
}

package enum ColumnarError: Error, Hashable, Sendable {
    /// A system call failed, so that another attempt can help.
    case system(file: String, operation: String, code: Int32)
    /// Memory ran out, so that another attempt can help.
    case outOfMemory(file: String)
    /// The file does not meet the rules of its format (truncated, ragged, not UTF-8, a cell of the wrong type).
    case badFile(TableLocation, reason: Reason)
    /// The table is sound but does not fit the model or the pipeline: a column is missing, doubled, or of the wrong type.
    case mismatch(TableLocation, reason: Reason)
    /// A value cannot be taken by the model input: it is null, out of range or not finite.
    case badValue(TableLocation, reason: Reason)
    /// The file is correct, but of a format or type that is not read or written.
    case unsupported(file: String, reason: String)
    /// The file asks for more than it may; the rule names the limit.
    case limit(TableLocation, Rule, reason: String)
    /// The pipeline's rules contradict the model or themselves; no file is to blame.
    case badRule(String)
}

extension ColumnarError: Reasoned, CustomStringConvertible {
    package var reason: Reason {
        switch self {
        case .system(let file, let operation, let code): "\(file): \(operation) failed: \(errnoText(code))"
        case .outOfMemory(let file): "\(file): not enough memory"
        case .badFile(let location, let reason), .badValue(let location, let reason), .mismatch(let location, let reason):
            "\(location): \(reason)"
        case .limit(let location, _, let reason): "\(location): \(reason)"
        case .unsupported(let file, let reason): "\(file): \(reason)"
        case .badRule(let reason): Reason(reason)
        }
    }

    /// The fault at a place in the table, without the place; nil for errors that have none.
    package var located: (location: TableLocation, reason: Reason)? {
        switch self {
        case .badFile(let location, let reason), .badValue(let location, let reason), .mismatch(let location, let reason):
            (location, reason)
        case .limit(let location, _, let reason): (location, Reason(reason))
        default: nil
        }
    }

    package var description: String { reason.sentence }
}
