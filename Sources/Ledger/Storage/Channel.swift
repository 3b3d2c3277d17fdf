import GRDB

/// One SQLite connection and its statements. A plain queue, not GRDB's pool: measured, a pool takes several times as long for one small read,
/// and nothing here reads for long.
///
/// `connection` is touched only on the queue, which is what makes it safe to share.
final class Channel: @unchecked Sendable {
    private let queue: DatabaseQueue
    private let connection: Connection
    private let path: String

    init(path: String, readOnly: Bool) throws(LedgerError) {
        self.path = path
        var configuration = Configuration()
        configuration.readonly = readOnly
        configuration.label = readOnly ? "ledger.reader" : "ledger.writer"
        configuration.busyMode = .timeout(10)
        configuration.foreignKeysEnabled = false
        configuration.observesSuspensionNotifications = false
        if !readOnly { configuration.journalMode = .wal }
        do {
            queue = try DatabaseQueue(path: path, configuration: configuration)
            connection = try queue.writeWithoutTransaction { db in
                if !readOnly {
                    // GRDB sets NORMAL with WAL, which loses the last commits when the power goes.
                    try db.execute(sql: "PRAGMA synchronous = FULL")
                    try db.execute(sql: "PRAGMA journal_size_limit = 67108864")
                }
                try db.execute(sql: "PRAGMA cache_size = -16384")
                return Connection(db, path: path)
            }
        } catch {
            throw LedgerError(error, path: path, doing: "open the ledger")
        }
    }

    deinit {
        queue.writeWithoutTransaction { _ in connection.finalizeStatements() }
        try? queue.close()
    }

    func onQueue<T>(_ body: (Database, Connection) throws(LedgerError) -> T) throws(LedgerError) -> T {
        do {
            return try queue.writeWithoutTransaction { db in try body(db, connection) }
        } catch {
            throw LedgerError(error, path: path, doing: "use the ledger")
        }
    }

    func migrate(_ migrator: DatabaseMigrator) throws(LedgerError) {
        do {
            try migrator.migrate(queue)
        } catch {
            throw LedgerError(error, path: path, doing: "bring the schema up to date")
        }
    }
}
