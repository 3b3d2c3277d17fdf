import Dispatch
package import FileSystem
import Glibc
import Synchronization
package import SystemPackage

extension RunLedger {
    /// Keeps a copy of the ledger from now on, from which another host can go on: copies it whole, and after that has every durable `write`
    /// wait until the copy knows of it too.
    /// - Parameters:
    ///   - successor: says who works on this host's folders since its own time there is over; nil as long as that is this process.
    ///   - tell: takes what went wrong while the ledger was copied anew, which is tried again.
    package func keepCopy(
        in folder: FilePath, successor: @escaping @Sendable () -> Result<String?, FileSystemError>,
        tell: @escaping @Sendable (String) -> Void
    ) throws(LedgerError) {
        do throws(FileSystemError) {
            let journal = try LedgerJournal(LedgerCopy(folder: folder), of: path, successor: successor)
            try copyAnew(journal)
            keeper.withLock { $0 = (journal, tell) }
        } catch {
            throw LedgerError(error, path: path, doing: "copy it to \(folder)")
        }
    }

    /// Copies the ledger anew, if a copy is kept: what was taken out of it is then in no journal any more.
    func copyAnew() throws(LedgerError) {
        guard let journal = keeper.withLock({ $0?.journal }) else { return }
        do throws(FileSystemError) { try copyAnew(journal) } catch { throw LedgerError(error, path: path, doing: "copy it") }
    }

    private func copyAnew(_ journal: LedgerJournal) throws(FileSystemError) {
        let begun = Result { () throws(FileSystemError) in try begin(journal) }
        try journal.finish(try begun.get())
    }

    private func begin(_ journal: LedgerJournal) throws(FileSystemError) -> LedgerMoment {
        var result: Result<LedgerMoment, FileSystemError>?
        do throws(LedgerError) {
            try withoutWriters { result = Result { () throws(FileSystemError) in try journal.begin() } }
        } catch {
            throw .ledger(step: "a copy of it", cause: "\(error)")
        }
        return try result!.get()
    }

    /// Has the copy know of what was committed, where one is kept. Waits while the machine does not allow it, as a write does.
    func hand(on journal: LedgerJournal, durably: Bool) throws(LedgerError) {
        func write() throws(LedgerError) {
            let successor: String?
            do throws(FileSystemError) { successor = try journal.write(durably: durably) } catch {
                throw LedgerError(error, path: path, doing: "tell its copy of what was recorded")
            }
            if let successor { throw .takenOver(path: path, by: successor) }
        }
        if let patience = patience { try patience.wait(write) } else { try write() }
        guard durably, journal.shallCopy(ForeignWrite.take(besides: path)) else { return }
        DispatchQueue.global().async { [self] in
            do { try copyAnew(journal) } catch { keeper.withLock { $0?.tell }?("\(error)") }
        }
    }
}

extension LedgerError {
    /// Makes an error of the ledger of what went wrong with its copy. All but a full disk counts as a fault of the disk, which may pass.
    init(_ error: FileSystemError, path: String, doing: String) {
        switch error {
        case .noSpace: self = .noSpace(path: path, doing: doing)
        default: self = .sqlite(path: path, doing: doing, code: 10, message: "\(error)")
        }
    }
}

/// Tells a daemon that another process has written to its ledger, as `millrace prune` does, which its journal does not tell of: the ledger is
/// then copied anew.
enum ForeignWrite {
    private static func mark(_ ledger: String) -> String { folder(ledger) + "/copy-is-old" }

    private static func folder(_ ledger: String) -> String { String(ledger[..<(ledger.lastIndex(of: "/") ?? ledger.startIndex)]) }

    /// Notes that this process has written, where the daemon keeps a copy.
    static func note(besides ledger: String) {
        guard access(folder(ledger) + "/epoch.json", F_OK) == 0 else { return }
        let file = open(mark(ledger), O_WRONLY | O_CREAT | O_CLOEXEC, 0o600)
        if file >= 0 { close(file) }
    }

    /// Returns whether another process has written since the last call.
    static func take(besides ledger: String) -> Bool {
        let mark = mark(ledger)
        return access(mark, F_OK) == 0 && unlink(mark) == 0
    }
}
