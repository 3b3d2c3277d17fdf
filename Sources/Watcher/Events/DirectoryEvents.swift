/// Describes a source of changes in directories, which is used from one thread. It hears one directory at a time: its listener walks the
/// tree, and watches each directory before it lists it.
package protocol DirectoryEvents: AnyObject {
    /// The time at which there will be something to take without a signal; nil where that cannot be.
    var wakeTime: Duration? { get }

    /// Begins to hear changes in the directory.
    /// - Parameter token: a number of the caller's, used once, which comes back with every event from this directory.
    func watch(_ path: String, token: Int, now: Duration) throws(WatcherError)

    /// Hears no more from a directory.
    func forget(token: Int)

    /// Appends what happened, in order, and never blocks.
    func take(into events: inout [DirectoryEvent], now: Duration)

    /// Forgets everything and releases what the system holds for it.
    func close()
}

extension DirectoryEvents {
    package var wakeTime: Duration? { nil }
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
    /// Something is to be found by listing the directory: a name that is not UTF-8 in it, or anything below it.
    case list(token: Int, deep: Bool)
    /// The directory itself was moved, deleted or unmounted.
    case lost(token: Int, reason: String)
    /// Events were dropped: nothing that is remembered can be relied on.
    case overflow
}
