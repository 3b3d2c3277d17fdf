import Synchronization

/// Ends a run from another thread: a run that carries it throws `EngineError.cancelled` at the next operator boundary.
/// Once cancelled, it stays so; every later run that carries it is cancelled too.
package final class Cancellation: Sendable {
    /// The options of runs on ONNX Runtime, which looks at them between operators.
    let options: NativeRunOptions
    private let state = Mutex(State())

    private struct State: ~Copyable {
        var isCancelled = false
        /// The closures that end the runs under way on other engines, by the number of each run.
        var running: [Int: @Sendable () -> Void] = [:]
        var next = 0
    }

    package init() throws(EngineError) {
        let table = try ONNXRuntime.table()
        do { options = try NativeRunOptions(table) } catch { throw .engine(error.message) }
    }

    package func cancel() {
        try? options.terminate()
        state.withLock { state in
            state.isCancelled = true
            for end in state.running.values { end() }
        }
    }

    package var isCancelled: Bool { state.withLock { $0.isCancelled } }

    /// Runs `body`, on which `cancel` calls `end` meanwhile. It throws `EngineError.cancelled` where it is cancelled, whatever became of
    /// the run.
    func run(ending end: @escaping @Sendable () -> Void, _ body: () throws(EngineError) -> Void) throws(EngineError) {
        let number = state.withLock { state -> Int? in
            if state.isCancelled { return nil }
            state.next += 1
            state.running[state.next] = end
            return state.next
        }
        guard let number else { throw .cancelled }
        let result = Result { () throws(EngineError) in try body() }
        let isCancelled = state.withLock { state in
            state.running[number] = nil
            return state.isCancelled
        }
        if isCancelled { throw .cancelled }
        try result.get()
    }
}
