import GRDB
import Glibc
import Synchronization

/// A source that the ledger is read through: SQLite's file, or the daemon that has it.
protocol LedgerSource: Sendable {
    /// Runs `body`, which sees one moment of the ledger in all that it reads.
    func snapshot<T>(_ body: (Connection) throws(LedgerError) -> T) throws(LedgerError) -> T
    /// Runs `body` for a single statement, which needs no transaction around it.
    func statement<T>(_ body: (Connection) throws(LedgerError) -> T) throws(LedgerError) -> T
}

/// Holds one SQLite connection and its statements. It is a plain queue, not GRDB's pool: measurements show that a pool takes several times
/// as long for one small read, and nothing here reads for long.
///
/// `connection` is touched only on the queue, which is what makes it safe to share.
final class ConnectionQueue: LedgerSource, @unchecked Sendable {
    private let queue: DatabaseQueue
    private let connection: Connection
    private let path: String
    private let isAbandoned = Atomic(false)

    init(path: String, readOnly: Bool, hidesValues: Bool) throws(LedgerError) {
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
                    // What is removed may be what cells of tables hold.
                    try db.execute(sql: "PRAGMA secure_delete = ON")
                }
                try db.execute(sql: "PRAGMA cache_size = -16384")
                return Connection(db, path: path, hidesValues: hidesValues)
            }
        } catch {
            throw LedgerError(error, path: path, doing: "open the ledger")
        }
    }

    /// Leaves the connection open for ever: see `RunLedger.abandon`.
    func abandon() { isAbandoned.store(true, ordering: .relaxed) }

    deinit {
        if isAbandoned.load(ordering: .relaxed) {
            _ = Unmanaged.passRetained(queue)
            _ = Unmanaged.passRetained(connection)
            return
        }
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

    func snapshot<T>(_ body: (Connection) throws(LedgerError) -> T) throws(LedgerError) -> T {
        try onQueue { (db, connection) throws(LedgerError) in
            var result: T?
            do {
                try db.inTransaction(.deferred) {
                    result = try body(connection)
                    return .commit
                }
            } catch {
                throw LedgerError(error, path: path, doing: "read the ledger")
            }
            return result!
        }
    }

    func statement<T>(_ body: (Connection) throws(LedgerError) -> T) throws(LedgerError) -> T {
        try onQueue { (_, connection) throws(LedgerError) in try body(connection) }
    }

    /// Makes the write-ahead log as long as it gets between two checkpoints, with zeros behind its content: where SQLite reads on after a
    /// crash, no frame begins with zeros. A commit then changes only bytes that the file already has, and not also its length, which the
    /// file system would have to write before the commit is durable.
    func lengthenLog() throws(LedgerError) {
        try onQueue { (db, _) throws(LedgerError) in
            do {
                // Nobody else writes meanwhile.
                try db.inTransaction(.immediate) {
                    try Self.fill(path + "-wal", upTo: 1024 * (4096 + 24))
                    return .commit
                }
            } catch {
                throw LedgerError(error, path: path, doing: "make its log longer")
            }
        }
    }

    /// Writes the file anew without what was removed from it, and empties the log, as far as no reader needs it.
    func compact() throws(LedgerError) {
        try onQueue { (db, connection) throws(LedgerError) in
            do {
                connection.finalizeStatements()
                try db.execute(sql: "VACUUM")
                try db.execute(sql: "PRAGMA wal_checkpoint(TRUNCATE)")
            } catch {
                throw LedgerError(error, path: path, doing: "write it anew without values that are not shown any more")
            }
        }
    }

    private static func fill(_ path: String, upTo size: Int) throws(LedgerError) {
        func failure(_ code: Int32) -> LedgerError {
            code == ENOSPC || code == EDQUOT
                ? .noSpace(path: path, doing: "make it longer")
                : .sqlite(path: path, doing: "make it longer", code: code, message: String(cString: strerror(code)))
        }
        let log = open(path, O_RDWR | O_CLOEXEC)
        guard log >= 0 else { throw failure(errno) }
        defer { close(log) }
        let zeros = [UInt8](repeating: 0, count: 1 << 20)
        var end = Int(lseek(log, 0, SEEK_END))
        while end < size {
            let count = pwrite(log, zeros, min(size - end, zeros.count), off_t(end))
            guard count > 0 else { throw failure(errno) }
            end += count
        }
        guard fsync(log) == 0 else { throw failure(errno) }
    }

    func migrate(_ migrator: DatabaseMigrator) throws(LedgerError) {
        do {
            try migrator.migrate(queue)
        } catch {
            throw LedgerError(error, path: path, doing: "bring the schema up to date")
        }
    }
}
