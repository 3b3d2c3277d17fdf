import Arrivals
import GRDBSQLite
import Machine

/// One row of an answer. It is valid only in the closure that it is passed to.
struct Row {
    enum Source {
        /// SQLite's statement stands on the row.
        case statement(OpaquePointer)
        /// A daemon sent the row.
        case values([StoredValue])
    }

    let source: Source
    let hidesValues: Bool

    func integer(_ column: Int32) -> Int64 {
        switch source {
        case .statement(let statement): return sqlite3_column_int64(statement, column)
        case .values(let values):
            guard values.indices.contains(Int(column)) else { return 0 }
            return switch values[Int(column)] {
            case .null: 0
            case .integer(let value): value
            case .text(let text): Int64(text) ?? 0
            }
        }
    }

    func isNull(_ column: Int32) -> Bool {
        switch source {
        case .statement(let statement): sqlite3_column_type(statement, column) == SQLITE_NULL
        case .values(let values): !values.indices.contains(Int(column)) || values[Int(column)] == .null
        }
    }

    func integerOrNil(_ column: Int32) -> Int64? { isNull(column) ? nil : integer(column) }
    func intOrNil(_ column: Int32) -> Int? { isNull(column) ? nil : Int(integer(column)) }
    func bool(_ column: Int32) -> Bool { integer(column) != 0 }
    func time(_ column: Int32) -> UTCTime { UTCTime(milliseconds: integer(column)) }
    func timeOrNil(_ column: Int32) -> UTCTime? { isNull(column) ? nil : time(column) }
    func text(_ column: Int32) -> String { textOrNil(column) ?? "" }

    func textOrNil(_ column: Int32) -> String? {
        switch source {
        case .statement: return bytes(column).map { String(decoding: $0, as: UTF8.self) }
        case .values(let values):
            guard values.indices.contains(Int(column)) else { return nil }
            return switch values[Int(column)] {
            case .null: nil
            case .integer(let value): String(value)
            case .text(let text): text
            }
        }
    }

    /// Compares a text with another without making a string of it.
    func isText(_ column: Int32, _ other: String) -> Bool {
        switch source {
        case .statement: bytes(column).map { other.utf8.elementsEqual($0) } ?? false
        case .values: textOrNil(column).map { $0.utf8.elementsEqual(other.utf8) } ?? false
        }
    }

    /// Reads the columns `processor`, `engine` and `engine_version` of `machines`, which follow one another from `column` on.
    func machine(_ column: Int32) -> AttemptMachine? {
        guard let processor = textOrNil(column) else { return nil }
        return AttemptMachine(processor: processor, engine: text(column + 1), engineVersion: text(column + 2))
    }

    private func bytes(_ column: Int32) -> UnsafeBufferPointer<UInt8>? {
        guard case .statement(let statement) = source, let bytes = sqlite3_column_text(statement, column) else { return nil }
        return UnsafeBufferPointer(start: bytes, count: Int(sqlite3_column_bytes(statement, column)))
    }

    func value<T: RawRepresentable<String>>(
        _ column: Int32, of table: String, _ key: Int64, as type: T.Type = T.self
    ) throws(LedgerError) -> T {
        let found = text(column)
        guard let value = T(rawValue: found) else {
            throw .unreadableRow(table: table, key: key, column: "\(T.self)", found: found)
        }
        return value
    }
}
