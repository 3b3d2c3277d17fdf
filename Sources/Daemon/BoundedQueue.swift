import Foundation
import Runner

/// A first-in first-out queue between threads. `put` blocks while it is full, so that a fast producer waits instead of growing memory.
package final class BoundedQueue<Element: Sendable>: @unchecked Sendable {
    // Guarded by `condition`.
    private var elements: [Element] = []
    private var head = 0
    private var isClosed = false
    private let condition = NSCondition()
    private let capacity: Int

    package init(capacity: Int) { self.capacity = capacity }

    /// False when the queue was closed and the element was not taken.
    @discardableResult
    package func put(_ element: Element) -> Bool {
        condition.lock()
        defer { condition.unlock() }
        while count >= capacity, !isClosed { condition.wait() }
        guard !isClosed else { return false }
        elements.append(element)
        // One element is for one thread; and whoever waits now waits to take, since it was not full.
        condition.signal()
        return true
    }

    /// The next element; nil when the queue is closed and empty, or `timeout` has passed.
    package func take(timeout: Duration? = nil) -> Element? { take(upTo: 1, timeout: timeout).first }

    /// Up to `limit` elements, waiting only for the first.
    package func take(upTo limit: Int, timeout: Duration? = nil) -> [Element] {
        condition.lock()
        defer { condition.unlock() }
        let deadline = timeout.map { Date(timeIntervalSinceNow: $0.seconds) }
        while count == 0, !isClosed {
            if let deadline {
                if !condition.wait(until: deadline) { break }
            } else {
                condition.wait()
            }
        }
        let wasFull = count >= capacity
        let taken = Array(elements[head..<min(head + limit, elements.count)])
        head += taken.count
        if head == elements.count {
            elements.removeAll(keepingCapacity: true)
            head = 0
        } else if head > 1024 {
            elements.removeFirst(head)
            head = 0
        }
        // Only then does anyone wait to put.
        if wasFull { condition.broadcast() }
        return taken
    }

    /// What is queued can still be taken; nothing more can be put.
    package func close() {
        condition.lock()
        defer { condition.unlock() }
        isClosed = true
        condition.broadcast()
    }

    private var count: Int { elements.count - head }
}
