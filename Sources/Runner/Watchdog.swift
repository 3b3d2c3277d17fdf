import Arrivals
@preconcurrency import Dispatch
import Synchronization

/// Calls `fire` once after `seconds`, unless stopped before. Time that the attempt is paused does not count.
final class Watchdog: Sendable {
    private struct State {
        var hasFired = false
        var left: Double
        /// Nil while it is paused.
        var since: ContinuousClock.Instant?
    }

    private let state: Mutex<State>
    private let timer: (any DispatchSourceTimer)?

    /// No limit where `seconds` is nil.
    init(seconds: Double?, fire: @escaping @Sendable () -> Void) {
        state = Mutex(State(left: seconds ?? .infinity, since: .now))
        guard let seconds else {
            timer = nil
            return
        }
        let timer = DispatchSource.makeTimerSource()
        self.timer = timer
        timer.schedule(deadline: .now() + seconds)
        timer.setEventHandler { [weak self] in if self?.isOver() == true { fire() } }
        timer.resume()
    }

    var hasFired: Bool { state.withLock { $0.hasFired } }

    func pause() {
        guard timer != nil else { return }
        state.withLock { state in
            guard let since = state.since else { return }
            state.left -= (ContinuousClock.now - since).seconds
            state.since = nil
        }
    }

    func resume() {
        guard let timer else { return }
        let left = state.withLock { state in
            state.since = .now
            return state.left
        }
        timer.schedule(deadline: .now() + max(left, 0))
    }

    func stop() { timer?.cancel() }

    /// A timer that was set before a pause may come early.
    private func isOver() -> Bool {
        state.withLock { state in
            guard let since = state.since, !state.hasFired, (ContinuousClock.now - since).seconds >= state.left - 0.001 else {
                return false
            }
            state.hasFired = true
            return true
        }
    }

    deinit { timer?.cancel() }
}
