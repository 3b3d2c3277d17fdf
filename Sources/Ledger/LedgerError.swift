/// Says why the ledger could not do what it was asked.
package enum LedgerError: Error, Hashable, Sendable {
    /// There is no ledger yet in the state folder.
    case missing(path: String)
    /// SQLite's write-ahead log needs shared memory and locks that a network file system does not give.
    case networkFileSystem(path: String, type: String)
    case newerSchema(path: String, found: String, newest: String)
    /// The ledger has an older schema, and this process may not migrate it.
    case olderSchema(path: String, holder: DaemonLock.Holder?)
    case notALedger(path: String)
    case locked(path: String, by: DaemonLock.Holder)
    case stateFolder(path: String, message: String)
    case lockFailed(path: String, message: String)
    case readOnly(path: String)
    /// The state folder belongs to another user, and no daemon answers for it.
    case privateState(path: String)
    /// A daemon was asked through its socket and did not answer as it should.
    case socket(path: String, message: String)
    case busy(path: String, doing: String)
    case noSpace(path: String, doing: String)
    case damaged(path: String, doing: String, message: String)
    /// A file of the ledger, or its lock, was deleted or replaced while it was in use.
    case replaced(path: String)
    /// Something else wrote into a file of the ledger while it was in use.
    case overwritten(path: String)
    case sqlite(path: String, doing: String, code: Int32, message: String)
    /// Another host has taken over, so that what is recorded here counts for nothing.
    case takenOver(path: String, by: String)
    /// The caller decided against its transaction; nothing of it was recorded.
    case takenBack
    case noSuchArrival(Int64)
    case noSuchRun(Int64)
    /// The run is closed, so that nothing may be intended for it and it cannot be closed again.
    case notOpen(run: Int64, state: RunState)
    case noSuchVersion(pipeline: String, version: Int)
    case prunedVersion(pipeline: String, version: Int)
    case unreadableRow(table: String, key: Int64, column: String, found: String)
}

extension LedgerError: CustomStringConvertible {
    package var description: String {
        switch self {
        case .missing(let path):
            "\(path): there is no ledger. Start the daemon with this --root once, which makes it and restores one that was lost, or name "
                + "the right one."
        case .networkFileSystem(let path, let type):
            "\(path): the ledger cannot be kept on a network file system (\(type)), which lacks the shared memory that SQLite's "
                + "write-ahead log needs. Keep the root on a local disk, or name a local folder as `state:` in ROOT/millrace.yaml."
        case .newerSchema(let path, let found, let newest):
            "\(path): the ledger was written by a newer millrace (schema \(found), this one knows up to \(newest)). "
                + "Use that version; a ledger is never taken back."
        case .olderSchema(let path, let holder?):
            "\(path): the ledger has an older schema and is in use by \(holder). Restart the daemon with this version of millrace first."
        case .olderSchema(let path, nil):
            "\(path): the ledger has an older schema. Start the daemon once with this version of millrace, which brings it up to date."
        case .notALedger(let path):
            "\(path): this is an SQLite database of another application. Name another --root."
        case .locked(let path, let holder):
            holder.work == .daemon
                ? "\(path): another daemon works on this root: \(holder). Stop it first, or use another --root."
                : "\(path): a command works on this root: \(holder). Wait for it, or use another --root."
        case .stateFolder(let path, let message):
            "\(path): the state folder cannot be made: \(message). Check that --root names an existing folder that may be written."
        case .lockFailed(let path, let message):
            "\(path): the lock cannot be taken: \(message). Check the permissions of the folder."
        case .readOnly(let path):
            "\(path): the ledger cannot be opened or written: it was opened for reading, or the permissions of the file or its folder "
                + "do not allow it. SQLite needs to write in the folder even to read."
        case .privateState(let path):
            "\(path): only its owner may read what is in there, and no daemon is running that would answer for it. Start the daemon, or "
                + "use the user that the folder belongs to."
        case .socket(let path, let message):
            "\(path): the daemon cannot be asked: \(message)."
        case .busy(let path, let doing):
            "\(path): could not \(doing): another process held the ledger for too long. Try again; see who has it with fuser."
        case .noSpace(let path, let doing):
            "\(path): could not \(doing): the disk is full. Free some space; nothing that was recorded is lost."
        case .damaged(let path, let doing, let message):
            "\(path): could not \(doing): the ledger is damaged (\(message)). Stop the daemon, move the file away with its -wal, "
                + "and restore it from a copy or with millrace rebuild."
        case .replaced(let path):
            "\(path): the file was deleted or replaced while it was in use, so that nothing more can be recorded. Start the daemon again: "
                + "it goes on with what stands there, and restores from manifests and cards what is missing."
        case .overwritten(let path):
            "\(path): something else wrote over the file while it was in use. Stop what did, move the ledger away with its -wal and -shm, "
                + "and start the daemon again: it restores the ledger from manifests and cards."
        case .sqlite(let path, let doing, let code, let message):
            "\(path): could not \(doing): SQLite error \(code), \(message)."
        case .takenOver(let path, let successor):
            "\(path): \(successor) has taken over. This daemon ends, and nothing of what it still had in hand was published: the other one "
                + "does it. To have this host work again, stop that one, and start `millrace run --take-over` here."
        case .takenBack: "The change was taken back; nothing was recorded."
        case .noSuchArrival(let number):
            "There is no arrival \(number). millrace runs lists those there are."
        case .noSuchRun(let run):
            "There is no run \(run). millrace runs lists those there are."
        case .notOpen(let run, let state):
            "Run \(run) is not open but \(state.rawValue): nothing more can be recorded for it."
        case .noSuchVersion(let pipeline, let version):
            "Pipeline \(pipeline) has no published version \(version). millrace models \(pipeline) lists them."
        case .prunedVersion(let pipeline, let version):
            "Version \(version) of pipeline \(pipeline) was pruned: its files are gone. Drop its model again, if it is not in the spool, "
                + "and millrace replay it: that makes a version of it again. land.models.keep says how many stay."
        case .unreadableRow(let table, let key, let column, let found):
            "Row \(key) of \(table) has \(found) as \(column), which this version of millrace does not know. Use the newer one."
        }
    }
}
