package import Arrivals
import Glibc
import Machine

/// Holds the right to be the daemon of a state folder. It is an open file description lock, so that it goes with the process however the
/// process ends, and so that no other descriptor that this process closes can drop it.
package final class DaemonLock: Sendable {
    package enum Work: String, Codable, Sendable {
        case daemon
        /// A command works in the daemon's place for a moment.
        case command
    }

    package struct Holder: Hashable, Codable, Sendable, CustomStringConvertible {
        package var pid: Int32
        package var host: String
        package var since: UTCTime
        package var work: Work

        package init(pid: Int32, host: String, since: UTCTime, work: Work = .daemon) {
            self.pid = pid
            self.host = host
            self.since = since
            self.work = work
        }

        package var description: String { "pid \(pid) on host \(host), since \(since)" }
    }

    /// The open file that has the lock. Nothing else may close it: the lock belongs to the open file behind it.
    let descriptor: Int32
    package let path: String

    /// The time that a daemon which starts waits for a command to end, because a command should not keep it from starting. It waits as long
    /// for the remains of a daemon that was killed: a process that it had just forked has the lock until it becomes another program.
    private static let patience = (turns: 500, microseconds: UInt32(20_000))

    /// Takes the lock, and makes the state folder where it is missing. Throws `LedgerError.locked` with the holder where another process
    /// has it.
    package init(stateDirectory: String, for work: Work = .daemon) throws(LedgerError) {
        path = stateDirectory + "/lock"
        try StateFolder.make(stateDirectory)
        let file = StateFolder.open(path, O_RDWR | O_NOFOLLOW, in: stateDirectory)
        guard file >= 0 else { throw .lockFailed(path: path, message: StateFolder.message(errno)) }
        var request = Self.wholeFile()
        var turns = work == .daemon ? Self.patience.turns : 0
        while fcntl(file, Self.setLock, &request) != 0 {
            let failure = errno
            let written = Self.read(file)
            let holder = written ?? Holder(pid: 0, host: "unknown", since: UTCTime(milliseconds: 0))
            // A process that has just taken the lock has not yet written what it took it for.
            let isPassing = written?.work != .daemon || written?.isGone ?? false
            if failure == EAGAIN || failure == EACCES, isPassing, turns > 0 {
                turns -= 1
                usleep(Self.patience.microseconds)
                continue
            }
            defer { close(file) }
            guard failure == EAGAIN || failure == EACCES else { throw .lockFailed(path: path, message: StateFolder.message(failure)) }
            throw .locked(path: path, by: holder)
        }
        descriptor = file
        holder = Holder(pid: getpid(), host: Self.hostName, since: .now, work: work)
        let text = "\(holder.pid)\n\(holder.host)\n\(holder.since.milliseconds)\n\(work.rawValue)\n"
        let written =
            ftruncate(file, 0) == 0
            && text.utf8.withContiguousStorageIfAvailable { pwrite(file, $0.baseAddress, $0.count, 0) } == text.utf8.count
        guard written else {
            let failure = errno
            throw .lockFailed(path: path, message: StateFolder.message(failure))
        }
    }

    /// The description of this holder that other processes read.
    package let holder: Holder

    /// Empties the lock's file first, so that the next holder is never taken for this one before it has written its own lines.
    deinit {
        _ = ftruncate(descriptor, 0)
        close(descriptor)
    }

    /// Returns who has the lock now, without touching it; nil when nobody has it.
    package static func holder(stateDirectory: String) -> Holder? {
        if StateFolder.isClosed(stateDirectory) { return (try? LedgerConversation(stateDirectory: stateDirectory))?.holder }
        let file = open(stateDirectory + "/lock", O_RDONLY | O_CLOEXEC)
        guard file >= 0 else { return nil }
        defer { close(file) }
        var request = wholeFile()
        guard fcntl(file, getLock, &request) == 0, request.l_type != Int16(F_UNLCK) else { return nil }
        return read(file) ?? Holder(pid: 0, host: "unknown", since: UTCTime(milliseconds: 0))
    }

    // The commands of fcntl(2), which Glibc hides without _GNU_SOURCE.
    private static let getLock: Int32 = 36
    private static let setLock: Int32 = 37

    private static func wholeFile() -> flock {
        var request = flock()
        request.l_type = Int16(F_WRLCK)
        request.l_whence = Int16(SEEK_SET)
        return request
    }

    private static func read(_ file: Int32) -> Holder? {
        var bytes = [UInt8](repeating: 0, count: 512)
        let count = pread(file, &bytes, bytes.count, 0)
        guard count > 0 else { return nil }
        let lines = String(decoding: bytes[..<count], as: UTF8.self).split(separator: "\n")
        guard lines.count >= 3, let pid = Int32(lines[0]), let since = Int64(lines[2]) else { return nil }
        let work = lines.count > 3 ? Work(rawValue: String(lines[3])) : nil
        return Holder(pid: pid, host: String(lines[1]), since: UTCTime(milliseconds: since), work: work ?? .daemon)
    }

    fileprivate static var hostName: String {
        var name = utsname()
        guard uname(&name) == 0 else { return "unknown" }
        return withUnsafeBytes(of: &name.nodename) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
    }
}

extension DaemonLock.Holder {
    /// Tells whether its process has ended, as far as this host can tell.
    fileprivate var isGone: Bool {
        guard host == DaemonLock.hostName else { return false }
        guard let status = Pseudofile.text("/proc/\(pid)/stat") else { return kill(pid, 0) != 0 && errno == ESRCH }
        // The state stands after the name, which may have spaces and parentheses in it.
        let state = status.lastIndex(of: ")").flatMap { status[$0...].dropFirst(2).first }
        return state == "Z" || state == "X"
    }
}
