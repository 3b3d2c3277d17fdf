@preconcurrency import Dispatch
import Synchronization

/// Calls `fire` once after `seconds`, unless it is stopped before.
final class Watchdog: Sendable {
    private let fired = Atomic(false)
    private let timer: any DispatchSourceTimer

    init(seconds: Double, fire: @escaping @Sendable () -> Void) {
        timer = DispatchSource.makeTimerSource()
        timer.schedule(deadline: .now() + seconds)
        timer.setEventHandler { [weak self] in
            self?.fired.store(true, ordering: .relaxed)
            fire()
        }
        timer.activate()
    }

    deinit { timer.cancel() }

    var hasFired: Bool { fired.load(ordering: .relaxed) }

    func stop() { timer.cancel() }
}
