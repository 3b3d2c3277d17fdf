import GRDB
import GRDBSQLite
import Machine

/// Keeps the prepared statements of one SQLite connection, or of a daemon that has one. It binds and steps them without GRDB's dynamic
/// arguments: with some fifteen statements per file, those would be the larger part of the work.
///
/// It is used only on the queue of its connection, like the GRDB statements inside.
final class Connection {
    let path: String
    /// Tells whether the values of cells are left out of rows.
    let hidesValues: Bool
    private enum Source {
        case database(Database)
        /// A daemon answers for the ledger; it only reads.
        case daemon(LedgerConversation)
    }

    private let source: Source
    /// The statements by the address of their SQL, which is a literal.
    private var statements: [UnsafeRawPointer: GRDB.Statement] = [:]
    private let pipelineNames = NameTable(
        of: "a pipeline", find: "SELECT id FROM pipelines WHERE name = ?", add: "INSERT INTO pipelines (name) VALUES (?)",
        read: "SELECT name FROM pipelines WHERE id = ?")
    private let rootNames = NameTable(
        of: "an output root", find: "SELECT id FROM roots WHERE path = ?", add: "INSERT INTO roots (path) VALUES (?)",
        read: "SELECT path FROM roots WHERE id = ?")
    private let revisionNames = NameTable(
        of: "a revision", find: "SELECT id FROM revisions WHERE digest = ?", add: "INSERT INTO revisions (digest) VALUES (?)",
        read: "SELECT digest FROM revisions WHERE id = ?")
    private var machineKeys: [AttemptMachine: Int64] = [:]
    /// What the present transaction has written; nil where nobody asks for that.
    var record: JournalRecord?

    init(_ database: Database, path: String, hidesValues: Bool) {
        source = .database(database)
        self.path = path
        self.hidesValues = hidesValues
    }

    init(_ daemon: LedgerConversation, path: String, hidesValues: Bool) {
        source = .daemon(daemon)
        self.path = path
        self.hidesValues = hidesValues
    }

    // MARK: Statements

    /// Runs a statement to its end; returns how many rows it changed.
    @discardableResult
    func run<each V: Bindable>(_ sql: StaticString, _ values: repeat each V) throws(LedgerError) -> Int {
        let statement = try prepared(sql)
        defer { sqlite3_reset(statement) }
        var binding = Binding(statement)
        for value in repeat each values {
            binding.next(value)
            record?.bind(value.stored)
        }
        try check(binding.code, sql)
        while true {
            let code = sqlite3_step(statement)
            if code == SQLITE_DONE {
                let changes = Int(sqlite3_changes(sqlite3_db_handle(statement)))
                record?.add(sql, changes: changes)
                return changes
            }
            if code != SQLITE_ROW { throw failure(code, sql) }
        }
    }

    /// Runs a statement as `run` does; returns the row number of the row that it inserted.
    func insert<each V: Bindable>(_ sql: StaticString, _ values: repeat each V) throws(LedgerError) -> Int64 {
        try run(sql, repeat each values)
        guard case .database(let database) = source else { throw .readOnly(path: path) }
        return sqlite3_last_insert_rowid(database.sqliteConnection)
    }

    /// Runs a statement and calls `row` for every row.
    func each<each V: Bindable>(
        _ sql: StaticString, _ values: repeat each V, row: (Row) throws(LedgerError) -> Void
    ) throws(LedgerError) {
        if case .daemon(let daemon) = source {
            var bound: [StoredValue] = []
            for value in repeat each values { bound.append(value.stored) }
            for values in try daemon.rows("\(sql)", bound) { try row(Row(source: .values(values), hidesValues: hidesValues)) }
            return
        }
        let statement = try prepared(sql)
        defer { sqlite3_reset(statement) }
        var binding = Binding(statement)
        for value in repeat each values { binding.next(value) }
        try check(binding.code, sql)
        while true {
            let code = sqlite3_step(statement)
            if code == SQLITE_DONE { return }
            if code != SQLITE_ROW { throw failure(code, sql) }
            try row(Row(source: .statement(statement), hidesValues: hidesValues))
        }
    }

    /// Runs a statement and returns the first row only; nil where there is none.
    func first<T, each V: Bindable>(
        _ sql: StaticString, _ values: repeat each V, row: (Row) throws(LedgerError) -> T
    ) throws(LedgerError) -> T? {
        if case .daemon(let daemon) = source {
            var bound: [StoredValue] = []
            for value in repeat each values { bound.append(value.stored) }
            let rows = try daemon.rows("\(sql)", bound, atMost: 1)
            return try rows.first.map { (values) throws(LedgerError) in try row(Row(source: .values(values), hidesValues: hidesValues)) }
        }
        let statement = try prepared(sql)
        defer { sqlite3_reset(statement) }
        var binding = Binding(statement)
        for value in repeat each values { binding.next(value) }
        try check(binding.code, sql)
        let code = sqlite3_step(statement)
        if code == SQLITE_DONE { return nil }
        if code != SQLITE_ROW { throw failure(code, sql) }
        return try row(Row(source: .statement(statement), hidesValues: hidesValues))
    }

    func all<T, each V: Bindable>(
        _ sql: StaticString, _ values: repeat each V, row: (Row) throws(LedgerError) -> T
    ) throws(LedgerError) -> [T] {
        var found: [T] = []
        try each(sql, repeat each values) { (next) throws(LedgerError) in found.append(try row(next)) }
        return found
    }

    private func prepared(_ sql: StaticString) throws(LedgerError) -> OpaquePointer {
        let key = UnsafeRawPointer(sql.utf8Start)
        if let statement = statements[key] { return statement.sqliteStatement }
        guard case .database(let database) = source else { throw .readOnly(path: path) }
        do {
            let statement = try database.makeStatement(sql: "\(sql)")
            statements[key] = statement
            return statement.sqliteStatement
        } catch {
            throw LedgerError(error, path: path, doing: Self.doing(sql))
        }
    }

    /// Releases the statements. It must be called before the connection closes.
    func finalizeStatements() { statements = [:] }

    private func check(_ code: Int32, _ sql: StaticString) throws(LedgerError) {
        if code != SQLITE_OK { throw failure(code, sql) }
    }

    private func failure(_ code: Int32, _ sql: StaticString) -> LedgerError {
        guard case .database(let database) = source else { return .readOnly(path: path) }
        return LedgerError(
            code: sqlite3_extended_errcode(database.sqliteConnection), message: String(cString: sqlite3_errmsg(database.sqliteConnection)),
            path: path, doing: Self.doing(sql))
    }

    private static func doing(_ sql: StaticString) -> String {
        "run " + "\(sql)".split(whereSeparator: \.isWhitespace).prefix(5).joined(separator: " ")
    }

    // MARK: Names kept once

    /// Returns the number of a pipeline; nil where nothing ever named it.
    func pipelineKey(_ name: String) throws(LedgerError) -> Int64? { try pipelineNames.key(name, on: self) }
    func addPipeline(_ name: String) throws(LedgerError) -> Int64 { try pipelineNames.addedKey(name, on: self) }
    func pipelineName(_ key: Int64) throws(LedgerError) -> String { try pipelineNames.name(key, on: self) }

    func pipelines() throws(LedgerError) -> [String] {
        try all(
            "SELECT name FROM pipelines AS p WHERE EXISTS (SELECT 1 FROM counts WHERE pipeline = p.id AND count > 0) ORDER BY name",
            row: { $0.text(0) })
    }

    func rootKey(_ root: String) throws(LedgerError) -> Int64? { try rootNames.key(root, on: self) }
    func addRoot(_ root: String) throws(LedgerError) -> Int64 { try rootNames.addedKey(root, on: self) }
    func rootName(_ key: Int64) throws(LedgerError) -> String { try rootNames.name(key, on: self) }

    func revisionKey(_ digest: String) throws(LedgerError) -> Int64? { try revisionNames.key(digest, on: self) }
    func addRevision(_ digest: String) throws(LedgerError) -> Int64 { try revisionNames.addedKey(digest, on: self) }

    /// Returns the number of a machine, which is added where it is new; nil for nil.
    func addMachine(_ machine: AttemptMachine?) throws(LedgerError) -> Int64? {
        guard let machine else { return nil }
        if let key = machineKeys[machine] { return key }
        let known = try first(
            "SELECT id FROM machines WHERE processor = ? AND engine = ? AND engine_version = ?", machine.processor, machine.engine,
            machine.engineVersion, row: { $0.integer(0) })
        let key: Int64
        if let known {
            key = known
        } else {
            key = try insert(
                "INSERT INTO machines (processor, engine, engine_version) VALUES (?, ?, ?)", machine.processor, machine.engine,
                machine.engineVersion)
        }
        machineKeys[machine] = key
        return key
    }

    /// Forgets the names that were read or added. It must be called after a rollback, because what was added in the transaction is not
    /// there.
    func forgetNames() {
        for names in [pipelineNames, rootNames, revisionNames] { names.forget() }
        machineKeys = [:]
    }
}

extension StoredValue {
    func bind(to statement: OpaquePointer, at index: Int32) -> Int32 {
        switch self {
        case .null: return sqlite3_bind_null(statement, index)
        case .integer(let value): return sqlite3_bind_int64(statement, index, value)
        case .text(var text):
            // With SQLITE_TRANSIENT, SQLite copies the text.
            let copies = unsafeBitCast(-1, to: sqlite3_destructor_type.self)
            return text.withUTF8 { bytes in
                bytes.withMemoryRebound(to: CChar.self) {
                    // An empty string has no address of its own, and SQLite takes a null address for null.
                    $0.isEmpty
                        ? sqlite3_bind_text(statement, index, "", 0, copies)
                        : sqlite3_bind_text(statement, index, $0.baseAddress, Int32($0.count), copies)
                }
            }
        }
    }
}

private struct Binding {
    let statement: OpaquePointer
    var index: Int32 = 1
    var code = SQLITE_OK

    init(_ statement: OpaquePointer) { self.statement = statement }

    mutating func next(_ value: some Bindable) {
        let result = value.stored.bind(to: statement, at: index)
        if result != SQLITE_OK, code == SQLITE_OK { code = result }
        index += 1
    }
}

extension LedgerError {
    /// Makes a ledger error of what GRDB or a closure threw.
    init(_ error: any Error, path: String, doing: String) {
        switch error {
        case let error as LedgerError: self = error
        case let error as DatabaseError:
            self.init(
                code: error.extendedResultCode.rawValue, message: error.message ?? "no message", path: path, doing: doing)
        default: self = .sqlite(path: path, doing: doing, code: -1, message: "\(error)")
        }
    }

    init(code: Int32, message: String, path: String, doing: String) {
        switch code & 0xff {
        case SQLITE_BUSY, SQLITE_LOCKED: self = .busy(path: path, doing: doing)
        case SQLITE_FULL: self = .noSpace(path: path, doing: doing)
        case SQLITE_READONLY, SQLITE_CANTOPEN, SQLITE_PERM: self = .readOnly(path: path)
        case SQLITE_CORRUPT, SQLITE_NOTADB: self = .damaged(path: path, doing: doing, message: message)
        default: self = .sqlite(path: path, doing: doing, code: code, message: message)
        }
    }
}

extension Sequence {
    /// Maps as `compactMap` does, and keeps the type of the error that is thrown.
    func collect<T>(_ transform: (Element) throws(LedgerError) -> T?) throws(LedgerError) -> [T] {
        var found: [T] = []
        for element in self {
            if let value = try transform(element) { found.append(value) }
        }
        return found
    }
}
