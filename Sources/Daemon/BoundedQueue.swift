import Arrivals
import Dispatch
import Synchronization

/// A first-in first-out queue between threads. `put` blocks while it is full, so that a fast producer waits instead of growing memory.
///
/// A thread that waits counts itself, and is woken by a signal of its own once the lock is free again: a thread that is woken while the
/// lock is held costs two changes of threads for nothing, for every file at every step.
package final class BoundedQueue<Element: Sendable>: Sendable {
    private struct State {
        var elements = FIFO<Element>()
        var isClosed = false
        /// The number of threads that wait for an element and were not signalled yet; `putters` counts those that wait for room.
        var takers = 0
        var putters = 0
    }

    private let state = Mutex(State())
    private let arrivals = DispatchSemaphore(value: 0)
    private let departures = DispatchSemaphore(value: 0)
    private let capacity: Int

    package init(capacity: Int) { self.capacity = capacity }

    /// Adds an element, and waits while the queue is full. Returns false where the queue is closed, so that the element was not taken.
    @discardableResult
    package func put(_ element: Element) -> Bool {
        while true {
            let (isPut, isClosed, wakes) = state.withLock { state in
                guard !state.isClosed else { return (false, true, false) }
                guard state.elements.count < capacity else {
                    state.putters += 1
                    return (false, false, false)
                }
                state.elements.append(element)
                let wakes = state.takers > 0
                if wakes { state.takers -= 1 }
                return (true, false, wakes)
            }
            if wakes { arrivals.signal() }
            if isPut || isClosed { return isPut }
            departures.wait()
        }
    }

    /// Removes and returns up to `limit` elements, and waits only for the first. Returns none after `timeout`, or once the queue is closed
    /// and empty.
    package func take(upTo limit: Int, timeout: Duration? = nil) -> [Element] {
        let deadline = timeout.map { DispatchTime.now() + $0.seconds } ?? .distantFuture
        var isLate = false
        while true {
            let (taken, putters): ([Element]?, Int) = state.withLock { state in
                guard state.elements.count > 0 || state.isClosed || isLate else {
                    state.takers += 1
                    return (nil, 0)
                }
                defer { state.putters = 0 }
                return (state.elements.removeFirst(limit), state.putters)
            }
            for _ in 0..<putters { departures.signal() }
            if let taken { return taken }
            if arrivals.wait(timeout: deadline) == .timedOut {
                isLate = true
                let isCountedOut = state.withLock { state in
                    if state.takers > 0 { state.takers -= 1 } else { return false }
                    return true
                }
                // Where no thread is counted any more, every one that waited was signalled: one of the signals is for this thread.
                if !isCountedOut { arrivals.wait() }
            }
        }
    }

    /// Closes the queue: what is queued can still be taken, and nothing more can be put.
    package func close() {
        let (takers, putters) = state.withLock { state in
            state.isClosed = true
            defer { (state.takers, state.putters) = (0, 0) }
            return (state.takers, state.putters)
        }
        for _ in 0..<takers { arrivals.signal() }
        for _ in 0..<putters { departures.signal() }
    }
}
