/// Asks for each directory to be listed again and again. It keeps nothing of the files: the listener knows which are new.
package final class PollingEvents: DirectoryEvents {
    private struct Root {
        var due: Duration
        var interval: Duration
    }

    private let interval: Duration
    private var roots: [Int: Root] = [:]

    package init(interval: Duration) { self.interval = interval }

    var isAnyWatched: Bool { !roots.isEmpty }

    package var wakeTime: Duration? { roots.values.map(\.due).min() }

    package func watch(_ path: String, token: Int, now: Duration) {
        roots[token] = Root(due: now + interval, interval: interval)
    }

    package func forget(token: Int) { roots[token] = nil }

    package func take(into events: inout [DirectoryEvent], now: Duration) {
        for token in roots.keys.sorted() where roots[token]!.due <= now {
            events.append(.list(token: token, deep: true))
            roots[token]!.due = now + roots[token]!.interval
        }
    }

    /// Has a large tree listed less often, so that never more than a tenth of the time goes into it.
    package func listed(token: Int, took: Duration, now: Duration) {
        guard roots[token] != nil else { return }
        roots[token]!.interval = max(interval, took * 10)
        roots[token]!.due = now + roots[token]!.interval
    }

    package func close() { roots = [:] }
}
