package import Arrivals
import FileSystem
import GRDB
import Glibc
import Synchronization

/// Keeps the memory of a root, in `ROOT/.millrace/ledger.sqlite`: what arrived, what was made of it, and where the results are.
///
/// One process writes for a long time (the daemon, which holds the `DaemonLock`); others read or leave requests. What is committed is on
/// disk when the call returns (`synchronous=FULL`), unless the call says that it need not be. It is safe to use from every thread; calls
/// block, and writes are done one after the other.
package final class RunLedger: Sendable {
    package let path: String
    private let writer: ConnectionQueue?
    private let reader: any LedgerSource
    /// The connection to a daemon, where it answers for a ledger that this process may not read.
    private let daemon: LedgerConversation?
    let files: LedgerFiles
    private let patienceInForce = Mutex<LedgerPatience?>(nil)
    /// The copy of the ledger that is kept for another host, and who is told of what goes wrong with it; nil where none is kept.
    let keeper = Mutex<(journal: LedgerJournal, tell: @Sendable (String) -> Void)?>(nil)
    private let routes = Mutex(NotificationRoutes())

    /// - Parameters:
    ///   - stateDirectory: `ROOT/.millrace`. Where this process may not enter it, the daemon that has it is asked: it answers what is read,
    ///     and takes requests.
    ///   - readOnly: needs an existing ledger of this version's schema, and changes nothing. Otherwise the folder and the ledger are made,
    ///     and an older schema is brought up to date unless another process has the `DaemonLock`.
    ///   - hidesValues: leaves the values of cells out of everything that is read.
    package init(stateDirectory: String, readOnly: Bool = false, hidesValues: Bool = false) throws(LedgerError) {
        path = stateDirectory + "/ledger.sqlite"
        files = LedgerFiles(path: path)
        if StateFolder.isClosed(stateDirectory) {
            guard let daemon = try LedgerConversation(stateDirectory: stateDirectory) else { throw .privateState(path: stateDirectory) }
            self.daemon = daemon
            writer = nil
            reader = DaemonSource(daemon, path: path, hidesValues: hidesValues)
            return
        }
        daemon = nil
        if !readOnly { try StateFolder.make(stateDirectory) }
        if let mount = Mount.of(stateDirectory), mount.isNetwork { throw .networkFileSystem(path: path, type: mount.type) }
        if readOnly, access(path, F_OK) != 0 { throw .missing(path: path) }
        if !readOnly {
            StateFolder.makeLedgerPrivate(path, in: stateDirectory)
            let queue = try ConnectionQueue(path: path, readOnly: false, hidesValues: hidesValues)
            try Self.prepare(queue, path: path, stateDirectory: stateDirectory)
            writer = queue
        } else {
            writer = nil
        }
        let queue = try ConnectionQueue(path: path, readOnly: true, hidesValues: hidesValues)
        reader = queue
        if readOnly { _ = try Self.isUpToDate(queue, path: path, orThrow: true) } else if let fault = files.fault { throw fault }
    }

    /// Leaves a request for the daemon, and returns the number to ask for with `answer(to:)`.
    package func submit(_ request: Request, at time: UTCTime) throws(LedgerError) -> Int64 {
        if let daemon { return try daemon.submit(request) }
        return try write(isRequest: true) { (ledger) throws(LedgerError) in try ledger.submit(request, at: time) }
    }

    /// Leaves the files as they are from now on, also when the ledger is closed: SQLite would write into the files that stand there now, or
    /// remove them.
    func abandon() {
        writer?.abandon()
        (reader as? ConnectionQueue)?.abandon()
    }

    /// Prepares for writing over a long time: from the first commit on, commits wait less for the disk.
    package func prepareForWriting() throws(LedgerError) {
        guard let writer else { throw .readOnly(path: path) }
        try writer.lengthenLog()
    }

    /// Writes the ledger anew without what was removed from it, and empties its log, as far as no command reads it meanwhile.
    package func compact() throws(LedgerError) {
        guard let writer else { throw .readOnly(path: path) }
        try writer.compact()
        try copyAnew()
    }

    /// Makes every later `write` wait while the machine does not allow it, as `patience` says.
    package func wait(with patience: LedgerPatience) { patienceInForce.withLock { $0 = patience } }

    var patience: LedgerPatience? { patienceInForce.withLock { $0 } }

    /// Puts a notification of every later event into the outboxes of the targets that are to be told.
    package func use(_ routes: NotificationRoutes) { self.routes.withLock { $0 = routes } }

    /// Makes both connections read the names again that they keep, after names were changed.
    func forgetNames() throws(LedgerError) {
        for queue in [writer, reader as? ConnectionQueue].compactMap(\.self) {
            try queue.onQueue { (_, connection) throws(LedgerError) in connection.forgetNames() }
        }
    }

    // MARK: Transactions

    /// Runs `body`, and makes everything that it does durable together, with one sync of the disk; where it throws, nothing is recorded.
    /// The daemon does the work of a whole round of files in one such call. Do not keep the transaction, nor call the ledger's other
    /// methods inside. Where the ledger waits for the machine (`wait(with:)`), `body` is called again in a new transaction.
    ///
    /// - Parameter durably: if false, the call does not wait for the disk. What was written outlives the death of the process; only when
    ///   the power fails is the transaction lost, and every later one with it. This is for what nobody can have seen yet.
    package func write<T>(durably: Bool = true, _ body: (LedgerTransaction) throws(LedgerError) -> T) throws(LedgerError) -> T {
        try write(durably: durably, isRequest: false, body)
    }

    /// - Parameter isRequest: whether only a request is left, which no copy of the ledger has to know of.
    private func write<T>(
        durably: Bool = true, isRequest: Bool, _ body: (LedgerTransaction) throws(LedgerError) -> T
    ) throws(LedgerError) -> T {
        let journal = keeper.withLock { $0?.journal }
        func write() throws(LedgerError) -> T { try transaction(durably: durably, journal, body) }
        let result = if let patience { try patience.wait(write) } else { try write() }
        if let journal { try hand(on: journal, durably: durably) } else if !isRequest { ForeignWrite.note(besides: path) }
        return result
    }

    /// Runs `body` while nobody writes through this ledger.
    func withoutWriters(_ body: () -> Void) throws(LedgerError) {
        guard let writer else { throw .readOnly(path: path) }
        try writer.onQueue { (_, _) throws(LedgerError) in body() }
    }

    private func transaction<T>(
        durably: Bool, _ journal: LedgerJournal?, _ body: (LedgerTransaction) throws(LedgerError) -> T
    ) throws(LedgerError) -> T {
        guard let writer else { throw .readOnly(path: path) }
        let routes = routes.withLock { $0 }
        if let fault = files.fault {
            abandon()
            throw fault
        }
        return try writer.onQueue { (db, connection) throws(LedgerError) in
            var result: T?
            defer { connection.record = nil }
            do {
                if !durably { try db.execute(sql: "PRAGMA synchronous = NORMAL") }
                defer { if !durably { try? db.execute(sql: "PRAGMA synchronous = FULL") } }
                try db.inTransaction(.immediate) {
                    connection.record = journal.map { _ in JournalRecord() }
                    let transaction = LedgerTransaction(connection, routes: routes)
                    result = try body(transaction)
                    try transaction.finish()
                    FaultPoint.reach(.ledgerCommit)
                    return .commit
                }
            } catch {
                connection.forgetNames()
                throw LedgerError(error, path: path, doing: "record the work")
            }
            if let record = connection.record, !record.isEmpty { journal?.append(record) }
            FaultPoint.reach(.ledgerCommitted)
            return result!
        }
    }

    /// Reads one moment of the ledger, as last committed, without holding up the writer.
    func read<T>(_ body: (Connection) throws(LedgerError) -> T) throws(LedgerError) -> T {
        try reader.snapshot(body)
    }

    /// Runs `body` for a single statement, which needs no transaction around it.
    func readOne<T>(_ body: (Connection) throws(LedgerError) -> T) throws(LedgerError) -> T {
        try reader.statement(body)
    }

    // MARK: Opening

    private static func prepare(_ queue: ConnectionQueue, path: String, stateDirectory: String) throws(LedgerError) {
        if try isUpToDate(queue, path: path, orThrow: false) { return }
        let holder = DaemonLock.holder(stateDirectory: stateDirectory)
        if let holder, holder.pid != getpid() { throw .olderSchema(path: path, holder: holder) }
        try queue.migrate(Schema.migrator)
    }

    private static func isUpToDate(_ queue: ConnectionQueue, path: String, orThrow mustBe: Bool) throws(LedgerError) -> Bool {
        try queue.onQueue { (db, _) throws(LedgerError) in
            do {
                let application = try Int32.fetchOne(db, sql: "PRAGMA application_id") ?? 0
                // A daemon that was killed while it made the ledger may leave only the migrator's own table, without the application id.
                let isEmpty = try Int.fetchOne(db, sql: "SELECT count(*) FROM sqlite_master WHERE tbl_name <> 'grdb_migrations'") == 0
                guard application == Schema.applicationID || (application == 0 && isEmpty) else { throw LedgerError.notALedger(path: path) }
                if try Schema.migrator.hasBeenSuperseded(db) {
                    let found = try Schema.migrator.appliedIdentifiers(db).compactMap { Int($0) }.max()
                    throw LedgerError.newerSchema(path: path, found: found.map { "\($0)" } ?? "unknown", newest: Schema.newest)
                }
                if try Schema.migrator.hasCompletedMigrations(db) { return true }
                if mustBe { throw LedgerError.olderSchema(path: path, holder: nil) }
                return false
            } catch {
                throw LedgerError(error, path: path, doing: "read the schema")
            }
        }
    }
}
