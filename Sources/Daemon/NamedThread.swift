import FileSystem
import Foundation
import Synchronization

/// A thread for work that blocks: engine runs, file hashing, waiting for events. Its name shows in `top -H` and `perf`.
package final class NamedThread: Sendable {
    private let finished = Mutex<(isDone: Bool, waiters: [CheckedContinuation<Void, Never>])>((false, []))

    package init(_ name: String, stackBytes: Int = 8 << 20, _ body: @escaping @Sendable () -> Void) {
        let thread = Thread { [self] in
            LinuxCalls.nameThread(name)
            body()
            let waiters = finished.withLock { state in
                state.isDone = true
                defer { state.waiters = [] }
                return state.waiters
            }
            for waiter in waiters { waiter.resume() }
        }
        thread.name = name
        thread.stackSize = stackBytes
        thread.start()
    }

    /// Returns when the body has returned.
    package func join() async {
        await withCheckedContinuation { continuation in
            let isDone = finished.withLock { state in
                if !state.isDone { state.waiters.append(continuation) }
                return state.isDone
            }
            if isDone { continuation.resume() }
        }
    }
}
