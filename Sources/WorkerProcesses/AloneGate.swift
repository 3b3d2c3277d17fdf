import Foundation

/// Lets an attempt that outgrew the memory beside others run once while no other does: those that run pause at their next batch, and those
/// that begin wait. Any number of threads may use it.
final class AloneGate: @unchecked Sendable {
    // Every variable is used only while `condition` is locked.
    private let condition = NSCondition()
    private var inside = 0
    /// The number of those that wait to run beside others. They go before the next one that is to run alone.
    private var waiting = 0
    /// Tells whether an attempt runs alone, or waits for that.
    private var isTaken = false

    /// Tells whether those inside are to leave as soon as they can.
    var isWanted: Bool { condition.withLock { isTaken } }

    /// The number of those that wait to run beside others.
    var waitingCount: Int { condition.withLock { waiting } }

    /// Returns when the caller may run beside others.
    func enter() {
        condition.withLock {
            waiting += 1
            while isTaken { condition.wait() }
            waiting -= 1
            inside += 1
            condition.broadcast()
        }
    }

    func leave() {
        condition.withLock {
            inside -= 1
            condition.broadcast()
        }
    }

    /// Returns when nothing else runs. The caller is not inside.
    func enterAlone() {
        condition.withLock {
            while isTaken || waiting > 0 { condition.wait() }
            isTaken = true
            while inside > 0 { condition.wait() }
        }
    }

    func leaveAlone() {
        condition.withLock {
            isTaken = false
            condition.broadcast()
        }
    }
}
