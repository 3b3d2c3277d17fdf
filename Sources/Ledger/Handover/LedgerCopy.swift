import FileSystem
import GRDBSQLite
package import SystemPackage

/// Describes the folder in which a daemon keeps a copy of its ledger for another host: `base-N.sqlite`, a whole copy, and `journal-N`, what was
/// written since. Where `base-N+1.sqlite` is not finished yet, `journal-N+1` goes on where `journal-N` ends.
struct LedgerCopy {
    let folder: FilePath

    func base(_ number: Int) -> FilePath { folder.appending("base-\(number).sqlite") }
    func unfinishedBase(_ number: Int) -> FilePath { folder.appending("base-\(number).part") }
    func journal(_ number: Int) -> FilePath { folder.appending("journal-\(number)") }

    /// Returns the numbers of the whole copies and of the journals, each in order.
    func numbers() throws(FileSystemError) -> (bases: [Int], journals: [Int]) {
        guard try Disk.status(folder) != nil else { return ([], []) }
        let names = try Disk.names(in: folder).map(\.string)
        func numbers(_ prefix: String, _ suffix: String) -> [Int] {
            names.filter { $0.hasPrefix(prefix) && $0.hasSuffix(suffix) }
                .compactMap { Int($0.dropFirst(prefix.count).dropLast(suffix.count)) }.sorted()
        }
        return (numbers("base-", ".sqlite"), numbers("journal-", ""))
    }

    /// Removes what stands there besides the copy of that number and its journal.
    func removeOthers(than number: Int) throws(FileSystemError) {
        let kept = [base(number), journal(number)].map(\.lastComponent)
        for name in try Disk.names(in: folder) where !kept.contains(name) { try Disk.removeTree(folder.appending(name)) }
    }
}

/// Says what was restored of a ledger.
package struct RestoredCopy: Sendable, Hashable {
    /// The number of transactions that were done again after those of the whole copy.
    package let transactions: Int
    /// Tells why what was written later was not done again; nil where all of it was.
    package let stop: String?
}

extension RunLedger {
    /// Makes a ledger in a state folder that has none of the copy that another host has left; nil where there is no copy. What the journal
    /// does not have to its end, or what does not fit, is left: whatever was published after that is found by manifests and cards.
    /// - Parameter folder: the folder of the copy.
    package static func restore(
        from folder: FilePath, stateDirectory: String
    ) throws(LedgerError) -> RestoredCopy? {
        let copy = LedgerCopy(folder: folder), path = stateDirectory + "/ledger.sqlite"
        try StateFolder.make(stateDirectory)
        do throws(FileSystemError) {
            let (bases, journals) = try copy.numbers()
            guard let number = bases.last else { return nil }
            let staged = FilePath(stateDirectory).appending("ledger.restored")
            for suffix in ["", "-wal", "-shm"] { try Disk.remove(FilePath(staged.string + suffix)) }
            try Disk.copy(copy.base(number), to: staged)
            let replay = try JournalReplay(staged)
            var next = number
            while replay.stop == nil, journals.contains(next) {
                try replay.run(try JSONFile.read(copy.journal(next)))
                next += 1
            }
            try replay.end()
            try Disk.sync(file: staged)
            try Disk.replaceOurs(FilePath(path), by: staged)
            return RestoredCopy(transactions: replay.transactions, stop: replay.stop)
        } catch {
            throw LedgerError(error, path: path, doing: "restore it from \(folder)")
        }
    }
}

/// Executes again what journals tell, on a copy of the ledger.
private final class JournalReplay {
    private let path: FilePath
    private var database: OpaquePointer?
    private var statements: [String: OpaquePointer] = [:]
    private(set) var transactions = 0
    private(set) var stop: String?

    init(_ path: FilePath) throws(FileSystemError) {
        self.path = path
        guard sqlite3_open_v2(path.string, &database, SQLITE_OPEN_READWRITE, nil) == SQLITE_OK else { throw failure("open") }
        // A copy that a power failure leaves in part is made anew.
        for sql in ["PRAGMA journal_mode = MEMORY", "PRAGMA synchronous = OFF", "BEGIN"] { try execute(sql) }
    }

    deinit {
        for statement in statements.values { sqlite3_finalize(statement) }
        sqlite3_close_v2(database)
    }

    /// Does again what one journal tells, as far as it can be read and fits.
    func run(_ bytes: [UInt8]) throws(FileSystemError) {
        var texts = StatementTexts(), rest = bytes[...]
        while stop == nil, let record = texts.read(&rest) {
            try execute("SAVEPOINT record")
            for statement in record.statements where stop == nil {
                do throws(FileSystemError) {
                    let changes = try run(statement)
                    // Other processes leave requests, which no journal tells of.
                    if changes != statement.changes, !statement.sql.contains(" requests ") {
                        stop = "\(statement.sql.prefix(60)) changes \(changes) rows and not \(statement.changes)"
                    }
                } catch {
                    stop = "\(error)"
                }
            }
            if stop != nil { try execute("ROLLBACK TO record") } else { transactions += 1 }
            try execute("RELEASE record")
        }
        if stop == nil, !rest.isEmpty { stop = "its last \(rest.count) bytes are no whole transaction" }
    }

    func end() throws(FileSystemError) {
        for statement in statements.values { sqlite3_finalize(statement) }
        statements = [:]
        // Whoever left them waits for an answer where there is none any more.
        try execute("DELETE FROM requests WHERE answered_at IS NULL")
        try execute("COMMIT")
        let code = sqlite3_close(database)
        database = nil
        guard code == SQLITE_OK else { throw failure("close") }
    }

    private func run(_ statement: JournalRecord.Statement) throws(FileSystemError) -> Int {
        let prepared = try prepared(statement.sql)
        defer { sqlite3_reset(prepared) }
        for (index, value) in statement.values.enumerated() where value.bind(to: prepared, at: Int32(index + 1)) != SQLITE_OK {
            throw failure("bind")
        }
        while true {
            switch sqlite3_step(prepared) {
            case SQLITE_DONE: return Int(sqlite3_changes(database))
            case SQLITE_ROW: continue
            default: throw failure("write to")
            }
        }
    }

    private func prepared(_ sql: String) throws(FileSystemError) -> OpaquePointer {
        if let known = statements[sql] { return known }
        var prepared: OpaquePointer?
        guard sqlite3_prepare_v2(database, sql, -1, &prepared, nil) == SQLITE_OK, let prepared else { throw failure("write to") }
        statements[sql] = prepared
        return prepared
    }

    private func execute(_ sql: String) throws(FileSystemError) {
        guard sqlite3_exec(database, sql, nil, nil, nil) == SQLITE_OK else { throw failure("write to") }
    }

    private func failure(_ doing: String) -> FileSystemError {
        .badDocument(path, why: "could not \(doing) it: \(database.map { String(cString: sqlite3_errmsg($0)) } ?? "no memory")")
    }
}
