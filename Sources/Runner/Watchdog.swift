@preconcurrency import Dispatch
import Synchronization

/// Calls `fire` once after `seconds`, unless stopped before.
final class Watchdog: Sendable {
    private let fired = Mutex(false)
    private let timer: (any DispatchSourceTimer)?

    /// No limit where `seconds` is nil.
    init(seconds: Double?, fire: @escaping @Sendable () -> Void) {
        guard let seconds else {
            timer = nil
            return
        }
        let timer = DispatchSource.makeTimerSource()
        self.timer = timer
        timer.schedule(deadline: .now() + seconds)
        timer.setEventHandler { [weak self] in
            self?.fired.withLock { $0 = true }
            fire()
        }
        timer.resume()
    }

    var hasFired: Bool { fired.withLock { $0 } }

    func stop() { timer?.cancel() }

    deinit { timer?.cancel() }
}
