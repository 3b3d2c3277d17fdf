package import Arrivals
import Glibc

/// The right to be the daemon of a state folder. An open file description lock, so that it goes with the process however that ends, and
/// that no other descriptor of this process that is closed can drop it.
package final class DaemonLock: Sendable {
    package enum Work: String, Codable, Sendable {
        case daemon
        /// What a command does in a daemon's place, in a moment.
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

    /// Never moved or written by others; `flock(2)` style locks belong to the open file behind it.
    let descriptor: Int32
    package let path: String

    /// A daemon that starts waits so long for a command, which should not keep it from starting.
    private static let patience = (turns: 500, microseconds: UInt32(20_000))

    /// Takes the lock or says who has it. Makes the state folder where it is missing.
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
            // Who has just taken it has not yet written what for.
            if failure == EAGAIN || failure == EACCES, written?.work != .daemon, turns > 0 {
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

    /// What others are told of who has it.
    package let holder: Holder

    /// Empties the lock's file first, so that the next holder is never taken for this one before it has written.
    deinit {
        _ = ftruncate(descriptor, 0)
        close(descriptor)
    }

    /// Who has the lock now, without touching it; nil when nobody has.
    package static func holder(stateDirectory: String) -> Holder? {
        if StateFolder.isClosed(stateDirectory) { return (try? LedgerConversation(stateDirectory: stateDirectory))?.holder }
        let file = open(stateDirectory + "/lock", O_RDONLY | O_CLOEXEC)
        guard file >= 0 else { return nil }
        defer { close(file) }
        var request = wholeFile()
        guard fcntl(file, getLock, &request) == 0, request.l_type != Int16(F_UNLCK) else { return nil }
        return read(file) ?? Holder(pid: 0, host: "unknown", since: UTCTime(milliseconds: 0))
    }

    // fcntl(2); Glibc hides them without _GNU_SOURCE.
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

    private static var hostName: String {
        var name = utsname()
        guard uname(&name) == 0 else { return "unknown" }
        return withUnsafeBytes(of: &name.nodename) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
    }
}
