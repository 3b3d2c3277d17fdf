package import Arrivals
package import Reasons

/// What the watcher tells its owner, in the order in which it found it out.
package enum SpoolEvent: Sendable, Equatable {
    case complete(CompleteFile)
    /// The file stayed incomplete, and nothing changed for as long as the policy allows.
    case truncated(TruncatedFile)
    /// Something that can never be an arrival as it is.
    case refused(RefusedFile)
    /// A waiting file was seen to be something other than its name says, see `ForeignContent`. This event is sent once for a file.
    case foreign(WaitingFile)
    /// A candidate or a directory that inotify or a check found missing. Files that were already judged are not remembered, so polling
    /// does not report those.
    case gone(directory: String, relativePath: String)
    /// After a scan: how many names were passed over by rule.
    case ignored(directory: String, count: Int)
    /// The kernel or our own queue dropped events; every directory is being scanned again.
    case overflowed
    /// A scan of the whole directory ended.
    case rescanned(directory: String)
    /// Files that no pattern of the directory takes, told when they change: how many there are, and the first by name. External data of
    /// models is not among them.
    case untaken(directory: String, count: Int, first: [String])
    /// A folder of the directory (empty: all of it) cannot be looked into; what is in it is not known until `unblocked`.
    case blocked(directory: String, relativePath: String, reason: String)
    /// It can be again, and has been scanned.
    case unblocked(directory: String, relativePath: String)
    case unhealthy(directory: String, reason: String)
    case healthy(directory: String)
    /// Everything that the last scans found has been looked at once its quiet time was over: it was delivered, or it waits for its writer.
    case caughtUp
}

/// A name in a spool.
package struct SpoolPlace: Sendable, Hashable {
    /// `SpoolDirectory.id`.
    package var directory: String
    package var relativePath: String

    package init(directory: String, relativePath: String) {
        self.directory = directory
        self.relativePath = relativePath
    }
}

package struct CompleteFile: Sendable, Equatable {
    /// `SpoolDirectory.id`.
    package var directory: String
    package var relativePath: String
    /// For a model with external data: over all its files, see `FileStamp.init(path:companions:)`.
    package var stamp: FileStamp
    /// The format that shows in the bytes that the file is whole; nil where it does not, or where the name tells no format.
    package var format: String?
    /// What showed that it is complete.
    package var settledBy: Settling.Sign
    /// External data of a model, relative to the spool, sorted.
    package var companions: [String]
    /// For text: whether the last byte is a newline.
    package var endsWithNewline: Bool?
    /// Counts up over everything one watcher delivers as complete.
    package var sequence: Int
    /// From first sight to completeness, by our monotonic clock.
    package var settledIn: Duration
}

package struct TruncatedFile: Sendable, Equatable {
    package var directory: String
    package var relativePath: String
    package var stamp: FileStamp
    /// What is missing, worded for an operator.
    package var reason: String
}

package struct RefusedFile: Sendable, Equatable {
    package var directory: String
    /// Bytes that are not UTF-8 are shown as U+FFFD.
    package var relativePath: String
    /// Of the entry itself, a link not followed; for a directory and for a name that is refused whatever stands under it, only device and
    /// inode. Nil where even that could not be read.
    package var stamp: FileStamp?
    package var rule: Rule
    package var reason: String
    package var remedy: String
}

/// A file that is not settled yet, and why.
package struct WaitingFile: Sendable, Equatable {
    package var directory: String
    package var relativePath: String
    package var reason: String
}
