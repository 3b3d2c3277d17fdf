internal import CInotifyTools
internal import Glibc

/// Hears changes by the process's inotify instance, as one of its listeners.
package final class InotifyEvents: DirectoryEvents {
    private let instance: InotifyInstance
    private let listener: Int
    private var isClosed = false

    /// Subscribes to the process's instance, which is made if there is none.
    /// - Parameter wake: the pipe that is signalled when there is something to take.
    package init(wake: WakePipe) throws(WatcherError) {
        instance = try InotifyInstance.shared.get()
        listener = instance.subscribe(wake: wake)
    }

    deinit { close() }

    /// Makes the process's instance while its descriptor is still low: call it first in `main`.
    package static func prepare() throws(WatcherError) { _ = try InotifyInstance.shared.get() }

    package func watch(_ path: String, token: Int, now: Duration) throws(WatcherError) {
        try instance.watch(path, listener: listener, token: token)
    }

    package func forget(token: Int) { instance.unwatch(listener: listener, token: token) }

    package func take(into events: inout [DirectoryEvent], now: Duration) {
        let taken = instance.take(listener)
        events.reserveCapacity(events.count + taken.events.count)
        for event in taken.events { Self.translate(event, into: &events) }
        if taken.hasOverflowed { events.append(.overflow) }
    }

    package func close() {
        guard !isClosed else { return }
        isClosed = true
        instance.unsubscribe(listener)
    }

    private static func translate(_ event: InotifyInstance.Heard, into events: inout [DirectoryEvent]) {
        func has(_ bits: Int32) -> Bool { event.mask & UInt32(bitPattern: bits) != 0 }
        func has(_ bits: Int) -> Bool { event.mask & UInt32(truncatingIfNeeded: bits) != 0 }
        let token = event.token
        if has(IN_MOVE_SELF) { return events.append(.lost(token: token, reason: "the directory was moved away")) }
        if has(IN_UNMOUNT) { return events.append(.lost(token: token, reason: "its file system was unmounted")) }
        if has(IN_DELETE_SELF) || has(IN_IGNORED) { return events.append(.lost(token: token, reason: "the directory was deleted")) }
        guard let name = event.name else { return events.append(.list(token: token, deep: false)) }
        guard !name.isEmpty else { return }
        let change: DirectoryEvent.Change
        if has(IN_MOVED_TO) {
            change = .movedIn
        } else if has(IN_CREATE) {
            change = .created
        } else if has(IN_CLOSE_WRITE) {
            change = .closed
        } else if has(IN_DELETE) || has(IN_MOVED_FROM) {
            change = .gone
        } else if has(IN_ATTRIB) {
            change = .attributes
        } else {
            return
        }
        events.append(.entry(token: token, name: name, change, isDirectory: has(IN_ISDIR)))
    }
}
