import Arrivals
package import FileSystem
import Foundation
import Glibc
import Synchronization
package import SystemPackage

/// Holds the right to work on one folder, whatever the root or the host of a daemon: a directory in the folder, which `mkdir` gives to one
/// process only, also on mounts that several hosts share. It names its holder and its own inode, so that a copy of it that a sync tool made
/// is no claim, and the holder gives a sign of life every few seconds.
///
/// A claim whose holder is dead is taken over: it is renamed away, which only one process can do, and looked at once more. A claim that
/// vanished is made again. A folder that cannot be written is not claimed.
package final class FolderClaim: Sendable {
    /// Says what a daemon does with a folder. The two uses of one folder do not exclude each other, so that the outputs of one daemon may
    /// be the spool of another.
    package enum Use: String, Sendable, Hashable, CaseIterable {
        case spool, outputs
        /// The daemon keeps what it works with there.
        case work

        /// The claim's name below the folder. No such name is ever taken for an input.
        var name: FilePath { self == .outputs ? "_millrace/claim" : ".millrace-claim" }

        /// The file in the claim that says whose it is, relative to the folder.
        package var holder: FilePath { name.appending("holder") }
    }

    package struct Timing: Sendable {
        /// The time between two signs of life of a holder.
        package var beat: Duration = .seconds(10)
        /// The longest time without a sign of life that a holder may take when this process cannot see whether it lives.
        package var patience: Duration = .seconds(60)

        package init() {}
    }

    package let folder: FilePath
    package let use: Use
    private let path: FilePath
    private let me: ClaimHolder
    private let timing: Timing
    /// The tokens of holders that have given no sign of life for long enough.
    private let silent: Set<String>
    /// The holder from which the claim was taken, since it gave no sign of life; nil where there was none.
    package var silentHolder: ClaimHolder? { former.withLock { $0 } }
    private let former = Mutex<ClaimHolder?>(nil)
    /// The access of the folder `_millrace`, where the claim is the first thing in it.
    private let access: FileAccess

    /// The access of the claim: everyone who may look into the folder may see who works on it.
    private static let claimAccess = FileAccess(mode: 0o644)
    private let state = Mutex(State.lost)

    private enum State: Equatable {
        case held(Stamps)
        /// The folder cannot be written, so that nobody claims it.
        case unclaimed
        /// Another process has the folder.
        case lost
    }

    /// Identifies cheaply the claim that this process made. Inodes alone would not do, because they are used again.
    private struct Stamps: Equatable {
        let claim: Int64
        let holder: FileStamp
    }

    /// Describes what stands under the claim's name.
    struct Found {
        let inode: Int64
        /// The holder; nil where the claim does not name one.
        let holder: ClaimHolder?
        /// The time of the last sign of life, by the file system.
        let beat: Int64
    }

    /// Claims the folder, which must exist. Where nothing else tells whether a holder lives, it waits for a sign of life, as long as
    /// `timing` says. Throws `claimed` where another process holds the folder, and `nested` where one holds a folder around it or in it. A
    /// folder that cannot be written is not claimed; `isHeld` tells.
    /// - Parameter silent: the tokens of holders that have given no sign of life elsewhere: nobody waits for them again.
    package init(
        _ folder: FilePath, _ use: Use, as me: ClaimHolder, timing: Timing = Timing(), access: FileAccess = .standard,
        silent: Set<String> = []
    ) throws(FileSystemError) {
        self.silent = silent
        self.folder = folder
        self.use = use
        self.me = me
        self.timing = timing
        self.access = access
        path = folder.pushing(use.name)
        try take(mayWait: true)
        if use == .work { return }
        // This happens once the claim stands, so that of two daemons that start at once at least one sees the other.
        do throws(FileSystemError) { try refuseNesting() } catch {
            release()
            throw error
        }
    }

    package var isHeld: Bool {
        if case .held = state.withLock({ $0 }) { true } else { false }
    }

    // MARK: Holding

    /// Throws `claimed` where another process holds the folder by now. It is called before each landing, and with each sign of life.
    package func verify() throws(FileSystemError) {
        switch state.withLock({ $0 }) {
        case .unclaimed: return
        case .held(let held) where stamps() == held: return
        case .held, .lost: try take(mayWait: false)
        }
    }

    /// Gives a sign of life. A claim that has vanished is made again, and a folder that could not be written is tried again.
    package func beat() throws(FileSystemError) {
        if state.withLock({ $0 == .unclaimed }) { try take(mayWait: false) } else { try verify() }
        guard isHeld else { return }
        _ = path.appending("holder").withPlatformString { utimensat(AT_FDCWD, $0, nil, 0) }
        // The claim now has another stamp.
        try verify()
    }

    /// Gives the folder back.
    package func release() {
        let last = state.withLock { state in
            defer { state = .unclaimed }
            return state
        }
        guard case .held(let held) = last, stamps() == held else { return }
        try? Disk.removeTree(path)
    }

    func isMine(_ holder: ClaimHolder) -> Bool { holder.token == me.token }

    private func stamps() -> Stamps? {
        guard let claim = (try? Disk.status(path)) ?? nil, let holder = (try? Disk.status(path.appending("holder"))) ?? nil else {
            return nil
        }
        return Stamps(claim: claim.stamp.inode, holder: holder.stamp)
    }

    // MARK: Taking

    private func take(mayWait: Bool) throws(FileSystemError) {
        state.withLock { $0 = .lost }
        defer { if isHeld { clearStale() } }
        var pauses = 0
        while true {
            if try make() { return }
            let stamps = stamps()
            guard let found = try look() else { continue }
            if let holder = found.holder, holder.inode == found.inode {
                if holder.token == me.token {
                    if let stamps { state.withLock { $0 = .held(stamps) } }
                    return
                }
                switch holder.isAlive {
                case true?: throw .claimed(folder, by: "\(holder)")
                case false?: break
                case nil where silent.contains(holder.token): break
                case nil:
                    guard mayWait, try isSilent(found, at: path) else { throw .claimed(folder, by: "\(holder)") }
                    former.withLock { $0 = holder }
                }
            } else if found.holder == nil, pauses < 20 {
                // A process that has just made the claim has not yet written who it is.
                pauses += 1
                usleep(100_000)
                continue
            }
            try remove(found)
        }
    }

    /// Makes the claim. Returns false where a claim stands there, and true where it was made or the folder cannot be written.
    private func make() throws(FileSystemError) -> Bool {
        if use == .outputs {
            let above = path.removingLastComponent()
            if above.withPlatformString({ mkdir($0, 0o700) }) == 0 { try? Disk.grant(access, folder: above) }
        }
        guard path.withPlatformString({ mkdir($0, 0o777) }) == 0 else {
            if errno == EEXIST { return false }
            state.withLock { $0 = .unclaimed }
            return true
        }
        FaultPoint.reach(.claimMade)
        var holder = me
        do throws(FileSystemError) {
            holder.inode = try Disk.status(path)?.stamp.inode ?? 0
            try write(holder)
            try Disk.grant(Self.claimAccess, folder: path)
        } catch {
            // The failure is one such as a full disk: nobody must be kept out by half a claim.
            try? Disk.removeTree(path)
            state.withLock { $0 = .unclaimed }
            return true
        }
        FaultPoint.reach(.claimHeld)
        if let made = stamps() { state.withLock { $0 = .held(made) } }
        return true
    }

    /// Writes the holder into the claim. It is not synced, because after a crash of the machine nobody holds anything.
    private func write(_ holder: ClaimHolder) throws(FileSystemError) {
        let file = path.appending("holder"), beside = path.appending("holder.new")
        let bytes = try JSONFile.encode(holder, for: file)
        let descriptor = try Disk.open(beside, .writeOnly, [.create, .truncate, .noFollow], doing: "write")
        defer { Disk.close(descriptor) }
        try Disk.write(bytes, to: descriptor, beside)
        try Disk.grant(Self.claimAccess, file: beside)
        if let failure = Disk.renameReplacing(beside, file) { throw Disk.error("write", file, failure) }
    }

    /// Returns the claim that stands there; nil where there is none any more.
    private func look() throws(FileSystemError) -> Found? { try Self.look(path) }

    static func look(_ path: FilePath) throws(FileSystemError) -> Found? {
        guard let claim = try Disk.status(path) else { return nil }
        let file = path.appending("holder")
        let beat = (try? Disk.status(file))??.modified ?? claim.modified
        return Found(inode: claim.stamp.inode, holder: try? JSONFile.decode(ClaimHolder.self, from: file), beat: beat)
    }

    /// Waits for a sign of life of a holder whose process cannot be looked at from here. Returns true when there was none for as long as
    /// `patience` says, or when the claim is gone.
    func isSilent(_ found: Found, at path: FilePath) throws(FileSystemError) -> Bool {
        let end = ContinuousClock.now + timing.patience
        while ContinuousClock.now < end {
            usleep(UInt32(min(timing.beat / 10, .milliseconds(500)) / .microseconds(1)))
            guard let now = try Self.look(path) else { return true }
            if now.beat != found.beat || now.inode != found.inode || now.holder?.token != found.holder?.token { return false }
        }
        return true
    }

    /// Removes the claim that was found. A claim that another process has put there meanwhile goes back to its place.
    private func remove(_ found: Found) throws(FileSystemError) {
        switch Disk.renameReplacing(path, stale) {
        case nil: break
        case .noSuchFileOrDirectory?: return
        case .directoryNotEmpty?, .fileExists?:
            // Another process takes the claim over, or died while it did.
            clearStale()
            usleep(100_000)
            return
        case let failure?: throw Disk.error("take over the claim", path, failure)
        }
        let moved = try Self.look(stale)
        if let moved, moved.inode != found.inode || moved.holder?.token != found.holder?.token {
            if Disk.moveDirectory(stale, path) == nil { return }
        }
        try Disk.removeTree(stale)
    }

    /// The path of a claim that is being removed. There is only one such name, so that what a process left there when it was killed is
    /// found without a listing of the folder.
    private var stale: FilePath { path.removingLastComponent().appending((path.lastComponent?.string ?? "") + ".stale") }

    /// Removes a claim that a process left under the name `stale`. The claim of a living process, which another one moved by mistake,
    /// stays: it is about to be put back.
    private func clearStale() {
        guard let left = (try? Self.look(stale)) ?? nil else { return }
        let isOver =
            if let holder = left.holder, let isAlive = holder.token == me.token ? false : holder.isAlive { !isAlive } else {
                // Only its age tells whether it is left over.
                Double(Date().timeIntervalSince1970) - Double(left.beat) / 1e9 > timing.patience / .seconds(1)
            }
        if isOver { try? Disk.removeTree(stale) }
    }
}
