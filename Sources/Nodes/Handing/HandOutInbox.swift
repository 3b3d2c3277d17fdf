import Dispatch
import Synchronization
import WorkerProtocol

/// Collects what a worker says of the attempts of one hand-out, for the thread that follows them.
final class HandOutInbox: Sendable {
    private struct State {
        var frames: [WorkerFrame] = []
        var isLost = false
    }

    private let state = Mutex(State())
    private let news = DispatchSemaphore(value: 0)

    enum News {
        case frame(WorkerFrame)
        /// The worker is gone.
        case lost
    }

    func put(_ frame: WorkerFrame) {
        state.withLock { $0.frames.append(frame) }
        news.signal()
    }

    /// Says that nothing more will come.
    func lose() {
        state.withLock { $0.isLost = true }
        news.signal()
    }

    /// Waits for the next frame; nil where none comes in time.
    func next(within patience: Duration) -> News? {
        let deadline = DispatchTime.now() + .nanoseconds(Int(patience / .nanoseconds(1)))
        guard news.wait(timeout: deadline) == .success else { return nil }
        return state.withLock { state in
            // What came before the loss still counts.
            state.frames.isEmpty ? .lost : .frame(state.frames.removeFirst())
        }
    }
}
