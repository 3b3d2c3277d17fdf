import Arrivals
package import FileSystem
import Foundation
package import Landing
import Ledger
package import Logging
package import PipelineConfig
import SystemPackage

/// The right to work on a root: the lock of its state folder and, where `work:` is a folder of its own, the claim on that and its epoch. It is
/// taken before anything else is done.
package final class Seat: Sendable {
    /// The folder in which the daemon keeps what it works with: the work folder, or in it the folder of the epoch.
    package let work: String
    let lock: DaemonLock
    let claims: FolderClaims
    /// The epoch, and the work folder that has it; nil where `work:` is no folder of its own.
    let term: (folder: WorkFolder, epoch: Epoch)?

    /// Says why this host may not work on the root.
    package enum Refusal: Error, CustomStringConvertible {
        /// Another host works on the root, or has.
        case another(Epoch, isBefore: Bool)
        case livingHolder(FileSystemError)
        case noWorkFolder
        case nothingToTakeOver(String)
        case otherRoot(Epoch, here: String)
        case otherLedger(String)
        case otherKey(Epoch, here: String)

        package var description: String {
            switch self {
            case .another(let epoch, let isBefore):
                "\(isBefore ? "the ledger in this state folder is of an epoch that is over" : "this state folder has no ledger of the work folder's")"
                    + ": epoch \(epoch.number) was begun by \(epoch.holder). Start millrace there again, where its ledger is; or, once that "
                    + "host does not work any more, take over here with `millrace run --take-over`"
            case .livingHolder(let error):
                "nothing is taken over: \(error). It gives signs of life. Stop it, which gives everything back at once; what has ended "
                    + "without a word is taken over when it has given none for as long as `--silence` says"
            case .noWorkFolder:
                "there is nothing to take over: millrace.yaml has no `work:` beside `state:`, on a mount that other hosts share. A daemon keeps "
                    + "a copy of its ledger only there"
            case .nothingToTakeOver(let work):
                "there is nothing to take over: no daemon has worked in \(work) yet. Start without --take-over"
            case .otherRoot(let epoch, let here):
                "the work folder is that of --root \(epoch.holder.root), and this is --root \(here). A root has the same path on every host "
                    + "that may work on it"
            case .otherLedger(let state):
                "\(state) has a ledger that is of no epoch of this work folder. Move it away, with its -wal and -shm, to take over"
            case .otherKey(let epoch, let here):
                "\(here) is not the key by which \(epoch.holder) has made hashes (`privacy.hash`), so that others would come out here. Copy "
                    + "that file from the state folder there; or restore it, if that host is lost, from where you keep it"
            }
        }
    }

    /// Says how another host's place is taken.
    package struct Takeover: Sendable {
        /// The time for which the other one must give no sign of life.
        package var silence: Duration

        package init(silence: Duration) { self.silence = silence }
    }

    /// Takes the lock and, where there are epochs, begins one or goes on in it.
    /// - Parameter takeover: says how to take the place of another host; nil where that is not asked for.
    package init(
        _ options: PipelineDaemon.Options, _ pipelines: [Pipeline], takeover: Takeover? = nil, log: Logger
    ) throws {
        let (state, base) = (options.stateDirectory, options.workDirectory)
        try MovedState.refuse(root: options.root, state: state, work: base)
        lock = try DaemonLock(stateDirectory: state)
        FaultPoint.reach(.startLocked)
        let root = CanonicalPaths.real(options.root)
        guard CanonicalPaths.real(base) != CanonicalPaths.real(state) else {
            if takeover != nil { throw Refusal.noWorkFolder }
            claims = try FolderClaims(root: options.root, pipelines: [], log: log)
            work = base
            term = nil
            return
        }
        let folder = WorkFolder(FilePath(base), state: FilePath(state))
        try Disk.makeDirectories(FilePath(base))
        var timing = FolderClaim.Timing()
        if case .another = try Self.standing(in: folder, state, root, takeover), let takeover { timing.patience = takeover.silence }
        do throws(FileSystemError) {
            claims = try FolderClaims(root: root, work: folder.path, pipelines: [], timing: timing, log: log)
        } catch {
            if case .claimed = error, takeover != nil { throw Refusal.livingHolder(error) }
            throw error
        }
        let key = try? FileDigest.of(FilePath(state + "/privacy.key")).digest
        var epoch: Epoch
        // Somebody else may have begun one while the claim was waited for.
        switch try Self.standing(in: folder, state, root, takeover) {
        case .first: epoch = try folder.own() ?? Epoch(folder.nextNumber(), begunBy: claims.holder, key: key)
        case .own(let own): epoch = own
        case .another(let before):
            if let needed = before.key, needed != key { throw Refusal.otherKey(before, here: state + "/privacy.key") }
            epoch = Epoch(before.number + 1, begunBy: claims.holder, key: key)
            log.notice("taking over", metadata: ["epoch": "\(epoch.number)", "from": "\(before.holder)"])
            try Self.setAside(ledgerIn: state)
        }
        epoch.key = epoch.key ?? key
        if try folder.inForce() != epoch || folder.own() != epoch { try folder.begin(epoch) }
        try folder.takeOver(to: epoch)
        work = folder.folder(epoch).string
        term = (folder, epoch)
        try PipelineFolders.make(pipelines)
        // The staging areas on other mounts are those of this epoch from now on, too.
        _ = try DiskPublisher(root: options.root, work: work, epoch: epoch.number, pipelines: pipelines, claims: nil)
        FaultPoint.reach(.epochTaken)
        try restoreLedger(in: state, log)
    }

    private enum Standing {
        /// No epoch has begun.
        case first
        /// The state folder is of the epoch that is in force.
        case own(Epoch)
        /// It is not, and somebody has asked to take over.
        case another(Epoch)
    }

    private static func standing(in folder: WorkFolder, _ state: String, _ root: String, _ takeover: Takeover?) throws -> Standing {
        guard let inForce = try folder.inForce() else {
            if takeover != nil { throw Refusal.nothingToTakeOver(folder.path.string) }
            return .first
        }
        guard inForce.holder.root == root else { throw Refusal.otherRoot(inForce, here: root) }
        let own = try folder.own()
        if own?.token == inForce.token { return .own(inForce) }
        let hasLedger = FileManager.default.fileExists(atPath: state + "/ledger.sqlite")
        guard takeover != nil else { throw Refusal.another(inForce, isBefore: hasLedger) }
        if hasLedger, own == nil { throw Refusal.otherLedger(state) }
        return .another(inForce)
    }

    /// Returns the folder in which the daemon of a root keeps what it works with, and the number of its epoch, for a command that works in
    /// its place. Throws where another host works on the root.
    package static func place(state: String, work: String) throws -> (work: String, epoch: Int64?) {
        guard CanonicalPaths.real(work) != CanonicalPaths.real(state) else { return (work, nil) }
        let folder = WorkFolder(FilePath(work), state: FilePath(state))
        guard let inForce = try folder.inForce() else { return (work, nil) }
        guard try folder.own()?.token == inForce.token else { throw Refusal.another(inForce, isBefore: true) }
        return (folder.folder(inForce).string, inForce.number)
    }

    /// Moves the ledger of an epoch that is over aside: it is not gone, and nobody goes on with it.
    private static func setAside(ledgerIn state: String) throws(FileSystemError) {
        let old = FilePath(state)
        for suffix in ["", "-wal", "-shm"] where try Disk.status(old.appending("ledger.sqlite" + suffix)) != nil {
            let failure = Disk.renameReplacing(old.appending("ledger.sqlite" + suffix), old.appending("ledger-of-before.sqlite" + suffix))
            if let failure { throw Disk.error("move aside", old.appending("ledger.sqlite" + suffix), failure) }
        }
        try Disk.sync(directory: old)
    }

    /// The folder of the copy of the ledger.
    var copy: FilePath { FilePath(work).appending("ledger") }

    /// Makes the ledger of the copy, where the state folder has none. Without a copy it is restored as one that was lost.
    private func restoreLedger(in state: String, _ log: Logger) throws {
        guard !FileManager.default.fileExists(atPath: state + "/ledger.sqlite") else { return }
        guard let restored = try RunLedger.restore(from: copy, stateDirectory: state) else { return }
        FaultPoint.reach(.epochRestored)
        log.notice("the ledger goes on from its copy", metadata: ["journal": "\(restored.transactions) transactions"])
        if let stop = restored.stop {
            log.warning(
                "the copy of the ledger does not tell everything to its end: what was published is found by manifests and cards",
                metadata: ["reason": "\(stop)"])
        }
    }

    // MARK: Holding

    /// Says who has taken over; nil where nobody has.
    func successor() throws(FileSystemError) -> String? {
        try term.flatMap { (term) throws(FileSystemError) in try term.folder.successor(of: term.epoch) }
            .map { "\($0.holder), in epoch \($0.number)," }
    }

    /// The error where another host has taken over; nil where none has, or where that cannot be told now.
    var fault: LedgerError? {
        let successor = try? successor()
        return successor.flatMap { $0 }.map { .takenOver(path: term?.folder.epochFile.string ?? "", by: $0) }
    }
}
