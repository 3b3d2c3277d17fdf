import FileSystem
import GRDBSQLite
import Synchronization
import SystemPackage

/// Keeps the copy of a ledger that another host can go on with. What a transaction has written is appended to a journal when it is committed,
/// and is durable there before a durable `RunLedger.write` returns: whoever makes something visible after that, leaves a copy which knows of
/// it. So the copy is what the ledger itself would be after a power failure.
final class LedgerJournal: Sendable {
    private struct Journal {
        var number: Int
        var path: FilePath
        var file: FileDescriptor?
        /// The bytes that are written.
        var length: Int64 = 0
        /// The bytes that could not be written yet.
        var unwritten: [UInt8] = []
        /// The size at which the ledger is copied anew.
        var limit: Int64
    }

    private struct Pending {
        var bytes: [UInt8] = []
        var texts = StatementTexts()
    }

    private let copy: LedgerCopy
    /// The path of the ledger.
    private let source: String
    /// Says who works on this host's folders since its own time there is over; nil as long as that is this process.
    private let successor: @Sendable () -> Result<String?, FileSystemError>
    /// It is held while the journal is written.
    private let journal: Mutex<Journal>
    /// It is never held during a call of the disk.
    private let pending = Mutex(Pending())
    private let isCopying = Atomic(false)

    /// A journal is at least as long before the ledger is copied anew.
    private static let shortest: Int64 = 64 << 20

    init(
        _ copy: LedgerCopy, of source: String, successor: @escaping @Sendable () -> Result<String?, FileSystemError>
    ) throws(FileSystemError) {
        self.copy = copy
        self.source = source
        self.successor = successor
        try Disk.makeDirectories(copy.folder, FolderGrant(access: .ownerOnly, root: copy.folder))
        let (bases, journals) = try copy.numbers()
        let last = max(bases.last ?? 0, journals.last ?? 0)
        journal = Mutex(Journal(number: last, path: copy.journal(last), file: nil, limit: Self.shortest))
    }

    deinit { journal.withLock { $0.file.map { Disk.close($0) } } }

    // MARK: Writing

    /// Takes what a transaction has written. The caller lets nobody else write to the ledger meanwhile.
    func append(_ record: JournalRecord) { pending.withLock { $0.texts.append(record, to: &$0.bytes) } }

    /// Writes what was taken, and makes it durable where it must be. Returns who has taken over; nil where nobody has.
    func write(durably: Bool) throws(FileSystemError) -> String? {
        FaultPoint.reach(.copyBegin)
        try journal.withLock { (journal) throws(FileSystemError) in
            try write(&journal)
            if durably, let file = journal.file { try Disk.sync(file, journal.path) }
        }
        guard durably else { return nil }
        FaultPoint.reach(.copySynced)
        return try successor().get()
    }

    private func write(_ journal: inout Journal) throws(FileSystemError) {
        let new = pending.withLock { pending in
            defer { pending.bytes.removeAll(keepingCapacity: true) }
            return pending.bytes
        }
        journal.unwritten += new
        guard !journal.unwritten.isEmpty, let file = journal.file else { return }
        // What a full disk took in part is written again in its place.
        try Disk.write(journal.unwritten, to: file, at: journal.length, journal.path)
        journal.length += Int64(journal.unwritten.count)
        journal.unwritten.removeAll(keepingCapacity: true)
    }

    // MARK: The whole copy

    /// Tells whether the ledger is to be copied anew, since the journal has become long or does not tell everything, and nobody does that
    /// yet. Whoever gets true does it.
    func shallCopy(_ isOld: Bool) -> Bool {
        let isDue = journal.withLock { (journal) in
            // It stays so until the ledger is copied.
            if isOld { journal.limit = -1 }
            return journal.length > journal.limit
        }
        guard isDue else { return false }
        return !isCopying.exchange(true, ordering: .acquiringAndReleasing)
    }

    /// Begins another journal, which goes on from the ledger as it is now; nobody writes to the ledger meanwhile. Returns the reader of
    /// what the ledger is now.
    func begin() throws(FileSystemError) -> LedgerMoment {
        let moment = try LedgerMoment(of: source)
        try journal.withLock { (journal) throws(FileSystemError) in
            if journal.file != nil { try write(&journal) }
            let number = journal.number + 1, path = copy.journal(number)
            let file = try Disk.open(path, .readWrite, [.create, .truncate, .noFollow], doing: "write")
            do throws(FileSystemError) {
                try Disk.grant(.ownerOnly, file: path)
                try Disk.sync(directory: copy.folder)
            } catch {
                Disk.close(file)
                throw error
            }
            journal.file.map { Disk.close($0) }
            journal = Journal(number: number, path: path, file: file, limit: journal.limit)
            pending.withLock { $0 = Pending() }
        }
        return moment
    }

    /// Finishes the whole copy that the present journal follows, and removes older ones.
    func finish(_ moment: LedgerMoment) throws(FileSystemError) {
        defer { isCopying.store(false, ordering: .releasing) }
        FaultPoint.reach(.copyBegun)
        let number = journal.withLock(\.number), part = copy.unfinishedBase(number)
        do throws(FileSystemError) {
            try moment.copy(to: part)
            try DurableFile.publish(part, as: copy.base(number))
        } catch {
            // It is tried again once the journal has grown by as much again.
            journal.withLock { $0.limit = $0.length + Self.shortest }
            throw error
        }
        FaultPoint.reach(.copyWhole)
        let size = Int64(Disk.byteCount(copy.base(number).string))
        journal.withLock { $0.limit = max(Self.shortest, size / 4) }
        try copy.removeOthers(than: number)
    }
}

/// Reads a ledger as it was at one moment, while others go on writing to it.
final class LedgerMoment {
    private let path: String
    private var database: OpaquePointer?

    init(of path: String) throws(FileSystemError) {
        self.path = path
        guard sqlite3_open_v2(path, &database, SQLITE_OPEN_READONLY | SQLITE_OPEN_FULLMUTEX, nil) == SQLITE_OK else {
            throw failure(of: database)
        }
        sqlite3_busy_timeout(database, 10_000)
        // The first statement decides which moment it is.
        guard sqlite3_exec(database, "BEGIN; SELECT count(*) FROM sqlite_master", nil, nil, nil) == SQLITE_OK else {
            throw failure(of: database)
        }
    }

    deinit { sqlite3_close_v2(database) }

    /// Writes a whole copy, which is not durable yet. SQLite takes no locks on it, which a network file system may not have.
    func copy(to target: FilePath) throws(FileSystemError) {
        try Disk.remove(target)
        try JSONFile.write([], to: target, .ownerOnly)
        var copy: OpaquePointer?
        defer { sqlite3_close_v2(copy) }
        guard sqlite3_open_v2(target.string, &copy, SQLITE_OPEN_READWRITE, "unix-none") == SQLITE_OK,
            sqlite3_exec(copy, "PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF", nil, nil, nil) == SQLITE_OK,
            let backup = sqlite3_backup_init(copy, "main", database, "main")
        else { throw failure(of: copy, at: target) }
        let code = sqlite3_backup_step(backup, -1)
        sqlite3_backup_finish(backup)
        guard code == SQLITE_DONE else { throw failure(of: copy, at: target) }
    }

    private func failure(of database: OpaquePointer?, at target: FilePath? = nil) -> FileSystemError {
        if sqlite3_errcode(database) & 0xFF == SQLITE_FULL { return .noSpace(doing: "copy the ledger to", path: target ?? FilePath(path)) }
        return .badDocument(
            target ?? FilePath(path), why: "the ledger cannot be copied: \(database.map { String(cString: sqlite3_errmsg($0)) } ?? "")")
    }
}
