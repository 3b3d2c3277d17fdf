import Attempts
import FileSystem
import Glibc
import Synchronization
package import SystemPackage

/// Connects attempts that train with attempts that have come to help them. What they say goes from one process to the other, and not through
/// this one.
package final class HelperMeetings: Sendable {
    private struct State {
        /// The connections to those who have come and were not met, by the run that they are to help. A run that asks for helpers has an
        /// entry.
        var waiting: [Int64: [FileDescriptor]] = [:]
        var elsewhere: @Sendable (Int64) -> FileDescriptor? = { _ in nil }
    }

    private let state = Mutex(State())

    /// The most who may wait for one run.
    private static let mostWaiting = 64

    package init() {}

    /// Has those who come for runs that are trained on another machine connected by `connect`, which returns nil where that fails.
    package func connectElsewhere(_ connect: @escaping @Sendable (Int64) -> FileDescriptor?) { state.withLock { $0.elsewhere = connect } }

    /// Returns a connection to the next one who has come to help an attempt; nil where nobody has.
    func next(for spec: AttemptSpec) -> FileDescriptor? {
        guard spec.helping != nil else { return nil }
        return state.withLock { state in
            guard let first = state.waiting[spec.run, default: []].first else {
                state.waiting[spec.run] = []
                return nil
            }
            state.waiting[spec.run]?.removeFirst()
            return first
        }
    }

    /// Returns a connection to the attempt that trains in a run; nil where none asks for help.
    func come(to run: Int64) -> FileDescriptor? {
        guard state.withLock({ $0.waiting[run] != nil }) else { return state.withLock { $0.elsewhere }(run) }
        var ends: [Int32] = [-1, -1]
        guard socketpair(AF_UNIX, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0, &ends) == 0 else { return nil }
        let (own, other) = (FileDescriptor(rawValue: ends[0]), FileDescriptor(rawValue: ends[1]))
        guard come(to: run, over: own) else {
            Disk.close(other)
            return nil
        }
        return other
    }

    /// Brings one who has come from another machine.
    /// - Parameter connection: is closed by this object where it returns false, and by the one who trains otherwise.
    /// - Returns: whether somebody trains in the run.
    package func come(to run: Int64, over connection: FileDescriptor) -> Bool {
        let isTaken = state.withLock { state in
            guard let waiting = state.waiting[run], waiting.count < Self.mostWaiting else { return false }
            state.waiting[run]?.append(connection)
            return true
        }
        if !isTaken { Disk.close(connection) }
        return isTaken
    }

    /// Takes note that nobody trains in a run any more.
    func end(_ run: Int64) {
        for connection in state.withLock({ $0.waiting.removeValue(forKey: run) }) ?? [] { Disk.close(connection) }
    }
}
