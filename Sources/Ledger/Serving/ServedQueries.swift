import GRDBSQLite
import Glibc

/// Holds the SQLite connection of one client of `LedgerServer`. It answers with rows of the ledger's tables only: the connection itself
/// refuses writing, other files, settings and whatever takes long or much memory, whatever the statement is.
///
/// Only the thread of its client uses it.
final class ServedQueries {
    private let database: OpaquePointer
    private let deadline: UnsafeMutablePointer<Int>
    private var isInside = false

    /// The time that one statement may take, in seconds.
    private static let seconds = 10
    private static let rowsInMessage = 500
    private static let bytesInMessage = 1 << 20

    init?(path: String) {
        var opened: OpaquePointer?
        guard sqlite3_open_v2(path, &opened, SQLITE_OPEN_READONLY | SQLITE_OPEN_NOMUTEX, nil) == SQLITE_OK, let opened else {
            sqlite3_close_v2(opened)
            return nil
        }
        database = opened
        deadline = .allocate(capacity: 1)
        deadline.initialize(to: 0)
        sqlite3_busy_timeout(opened, 5000)
        for (kind, limit) in [
            (SQLITE_LIMIT_LENGTH, 16 << 20), (SQLITE_LIMIT_SQL_LENGTH, 1 << 16), (SQLITE_LIMIT_ATTACHED, 0), (SQLITE_LIMIT_EXPR_DEPTH, 100),
            (SQLITE_LIMIT_COMPOUND_SELECT, 20), (SQLITE_LIMIT_VDBE_OP, 100_000), (SQLITE_LIMIT_LIKE_PATTERN_LENGTH, 1000),
            (SQLITE_LIMIT_WORKER_THREADS, 0),
        ] as [(Int32, Int)] {
            sqlite3_limit(opened, kind, Int32(limit))
        }
        sqlite3_progress_handler(opened, 10_000, { time($0) }, deadline)
        sqlite3_set_authorizer(opened, { _, action, _, _, _, _ in allowed.contains(action) ? SQLITE_OK : SQLITE_DENY }, nil)
    }

    deinit {
        sqlite3_close_v2(database)
        deadline.deallocate()
    }

    func begin() -> LedgerMessage { turn(isInside, "BEGIN", true) }
    func end() -> LedgerMessage { turn(!isInside, "COMMIT", false) }

    private func turn(_ isThere: Bool, _ sql: String, _ inside: Bool) -> LedgerMessage {
        if isThere { return .done }
        sqlite3_set_authorizer(database, nil, nil)
        let code = sqlite3_exec(database, sql, nil, nil, nil)
        sqlite3_set_authorizer(database, { _, action, _, _, _, _ in allowed.contains(action) ? SQLITE_OK : SQLITE_DENY }, nil)
        guard code == SQLITE_OK else { return failure() }
        isInside = inside
        return .done
    }

    /// Answers a query: calls `send` with parts of the rows, and returns the message that follows the last part.
    func answer(_ sql: String, _ values: [StoredValue], atMost limit: Int64, _ send: ([[StoredValue]]) -> Bool) -> LedgerMessage {
        deadline.pointee = Glibc.time(nil) + Self.seconds
        var prepared: OpaquePointer?
        guard sqlite3_prepare_v2(database, sql, -1, &prepared, nil) == SQLITE_OK, let statement = prepared else { return failure() }
        defer { sqlite3_finalize(statement) }
        guard sqlite3_stmt_readonly(statement) != 0 else {
            return .refused(code: Int64(SQLITE_READONLY), message: "only what reads is answered")
        }
        for (index, value) in values.enumerated() where value.bind(to: statement, at: Int32(index + 1)) != SQLITE_OK { return failure() }
        var rows: [[StoredValue]] = []
        var bytes = 0
        var left = limit > 0 ? limit : .max
        while left > 0 {
            let code = sqlite3_step(statement)
            if code == SQLITE_DONE { break }
            guard code == SQLITE_ROW else { return failure() }
            left -= 1
            rows.append((0..<sqlite3_column_count(statement)).map { Self.value(statement, $0, &bytes) })
            if rows.count == Self.rowsInMessage || bytes > Self.bytesInMessage {
                guard send(rows) else { return .done }
                (rows, bytes) = ([], 0)
            }
        }
        if !rows.isEmpty { _ = send(rows) }
        return .done
    }

    private static func value(_ statement: OpaquePointer, _ column: Int32, _ bytes: inout Int) -> StoredValue {
        switch sqlite3_column_type(statement, column) {
        case SQLITE_NULL: return .null
        case SQLITE_INTEGER: return .integer(sqlite3_column_int64(statement, column))
        default:
            guard let text = sqlite3_column_text(statement, column) else { return .null }
            let count = Int(sqlite3_column_bytes(statement, column))
            bytes += count
            return .text(String(decoding: UnsafeBufferPointer(start: text, count: count), as: UTF8.self))
        }
    }

    private func failure() -> LedgerMessage {
        .refused(code: Int64(sqlite3_extended_errcode(database)), message: String(cString: sqlite3_errmsg(database)))
    }
}

/// The actions SQLITE_SELECT, SQLITE_READ, SQLITE_FUNCTION and SQLITE_RECURSIVE of the authorizer.
private let allowed: Set<Int32> = [21, 20, 31, 33]

/// Returns 1 where a statement has used up its time, which makes SQLite interrupt it.
private func time(_ deadline: UnsafeMutableRawPointer?) -> Int32 {
    guard let deadline else { return 0 }
    return Glibc.time(nil) > deadline.assumingMemoryBound(to: Int.self).pointee ? 1 : 0
}
