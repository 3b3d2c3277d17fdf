import Synchronization

/// Tells running attempts to end. What is registered is called once, from the thread that cancels, or at once if that already happened.
package final class AttemptCancellation: Sendable {
    private struct State {
        var isCancelled = false
        var next = 0
        var handlers: [Int: @Sendable () -> Void] = [:]
    }

    private let state = Mutex(State())

    package init() {}

    package var isCancelled: Bool { state.withLock { $0.isCancelled } }

    package func cancel() {
        let handlers = state.withLock { state in
            state.isCancelled = true
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
            if state.isCancelled { return nil }
            state.next += 1
            state.handlers[state.next] = handler
            return state.next
        }
        if id == nil { handler() }
        defer { if let id { state.withLock { $0.handlers[id] = nil } } }
        return try body()
    }
}
