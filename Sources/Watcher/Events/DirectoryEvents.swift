/// Where changes in directories are heard. One directory at a time: whoever listens walks the tree, and watches a directory before it
/// lists it. Used from one thread.
package protocol DirectoryEvents: AnyObject {
    /// When there will be something to take though nobody is woken; nil where that cannot be.
    var wakeTime: Duration? { get }

    /// - Parameter token: comes back with every event from this directory; a number of the caller's, used once.
    func watch(_ path: String, token: Int, now: Duration) throws(WatcherError)

    func forget(token: Int)

    /// Appends what happened, in order, and never blocks.
    func take(into events: inout [DirectoryEvent], now: Duration)

    /// The caller listed everything below the directory and needed this long.
    func listed(token: Int, took: Duration, now: Duration)

    /// Lets go of everything.
    func close()
}

extension DirectoryEvents {
    package var wakeTime: Duration? { nil }
    package func listed(token: Int, took: Duration, now: Duration) {}
}

package enum DirectoryEvent: Sendable, Equatable {
    package enum Change: Sendable {
        case created
        case closed
        case movedIn
        case gone
        case attributes
    }

    case entry(token: Int, name: String, Change, isDirectory: Bool)
    /// Something is to be found by listing: a name that is not UTF-8 here, or anything at all below.
    case list(token: Int, deep: Bool)
    /// The directory itself was moved, deleted or unmounted.
    case lost(token: Int, reason: String)
    /// Events were dropped: nothing that is remembered can be relied on.
    case overflow
}
