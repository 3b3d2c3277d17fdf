import Glibc
import Synchronization

/// Knows the files of an open ledger as they were when they were first seen: SQLite goes on in files that were deleted or replaced, and
/// what it records there is lost with the process.
final class LedgerFiles: Sendable {
    private struct Identity: Hashable {
        let device: UInt
        let inode: UInt
    }

    private struct State {
        /// The identities of the files by suffix.
        var known: [String: Identity] = [:]
        /// The descriptor of the ledger's file. It is opened once and never closed, because to close any descriptor of the file drops
        /// SQLite's locks on it.
        var header: Int32 = -1
        /// Tells whether the file has been seen with its first bytes: from then on it may not be empty.
        var hasBegun = false
    }

    private let path: String
    private let state = Mutex(State())

    init(path: String) { self.path = path }

    /// The error where one of the files is not the one that is in use; nil where all are.
    var fault: LedgerError? {
        let strange = state.withLock { state -> String? in
            for suffix in ["", "-wal", "-shm"] {
                var status = stat()
                let found = stat(path + suffix, &status) == 0 ? Identity(device: UInt(status.st_dev), inode: UInt(status.st_ino)) : nil
                if let known = state.known[suffix] {
                    if found != known { return suffix }
                } else {
                    state.known[suffix] = found
                }
            }
            return nil
        }
        return strange.map { .replaced(path: path + $0) }
    }

    /// The error where `fault` is set, or where something wrote over the beginning of the ledger or of its log; nil where all is well.
    var faultOfContent: LedgerError? {
        if let fault { return fault }
        let isWhole = state.withLock { state in
            if state.header < 0 { state.header = open(path, O_RDONLY | O_CLOEXEC) }
            if !state.hasBegun, Self.isEmpty(state.header) { return true }
            state.hasBegun = true
            return Self.begins(state.header, with: Self.magic)
        }
        if !isWhole { return .overwritten(path: path) }
        // The log has no locks, so that it may be closed again.
        let log = open(path + "-wal", O_RDONLY | O_CLOEXEC)
        guard log >= 0 else { return nil }
        defer { close(log) }
        let isLog = Self.isEmpty(log) || Self.logMagics.contains { Self.begins(log, with: $0) }
        return isLog ? nil : .overwritten(path: path + "-wal")
    }

    /// Returns whether the file begins with those bytes. A file that cannot be read now counts as one that does.
    private static func begins(_ file: Int32, with magic: [UInt8]) -> Bool {
        var bytes = [UInt8](repeating: 0, count: magic.count)
        let count = pread(file, &bytes, bytes.count, 0)
        return count < 0 || count == magic.count && bytes == magic
    }

    private static func isEmpty(_ file: Int32) -> Bool {
        var status = stat()
        return fstat(file, &status) != 0 || status.st_size == 0
    }

    private static let magic = Array("SQLite format 3\0".utf8)
    /// The first bytes of a log: two magic numbers, for the two byte orders of its checksums, and zeros for a log that was lengthened and
    /// not written yet.
    private static let logMagics: [[UInt8]] = [[0x37, 0x7f, 0x06, 0x82], [0x37, 0x7f, 0x06, 0x83], [0, 0, 0, 0]]
}

extension RunLedger {
    /// The error where the ledger's files were deleted, replaced or written over while it is in use: nothing that is recorded from then on
    /// would last; nil where all is well.
    package var fileFault: LedgerError? {
        guard let fault = files.faultOfContent else { return nil }
        abandon()
        return fault
    }
}

extension DaemonLock {
    /// The error where the lock's file was deleted or replaced, so that another daemon could take it; nil where it was not.
    package var fileFault: LedgerError? {
        var own = stat()
        var standing = stat()
        guard fstat(descriptor, &own) == 0 else { return nil }
        let isThere = stat(path, &standing) == 0 && own.st_ino == standing.st_ino && own.st_dev == standing.st_dev
        return isThere ? nil : .replaced(path: path)
    }
}
