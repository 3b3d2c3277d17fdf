import Synchronization

/// Tells a running attempt to end. A handler is called once, from the thread that cancels, or at once if that already happened.
package final class AttemptCancellation: Sendable {
    package enum Cause: String, Codable, Sendable {
        /// The daemon is stopping and takes the work back; it runs again.
        case takenBack
        /// An operator has stopped this run.
        case stopped
        /// The attempt has had all the time that `limits.time` gives it.
        case timeLimit
    }

    private struct State {
        var cause: Cause?
        var next = 0
        var handlers: [Int: @Sendable () -> Void] = [:]
    }

    private let state = Mutex(State())

    package init() {}

    package var cause: Cause? { state.withLock { $0.cause } }
    package var isCancelled: Bool { cause != nil }

    /// Cancels the attempt. The first cause is the one that counts.
    package func cancel(_ cause: Cause = .takenBack) {
        let handlers = state.withLock { state in
            if state.cause == nil { state.cause = cause }
            defer { state.handlers = [:] }
            return Array(state.handlers.values)
        }
        for handler in handlers { handler() }
    }

    /// Runs `body` while `handler` stands ready to be called on cancellation.
    package func withHandler<Result, E: Error>(
        _ handler: @escaping @Sendable () -> Void, _ body: () throws(E) -> Result
    ) throws(E) -> Result {
        let id: Int? = state.withLock { state in
            if state.cause != nil { return nil }
            state.next += 1
            state.handlers[state.next] = handler
            return state.next
        }
        if id == nil { handler() }
        defer { if let id { state.withLock { $0.handlers[id] = nil } } }
        return try body()
    }
}
