package import Arrivals
package import Reasons

/// Describes an event that the watcher sends to its owner. Events come in the order in which things were found out.
package enum SpoolEvent: Sendable, Equatable {
    case complete(CompleteFile)
    /// The file stayed incomplete, and nothing changed for as long as the policy allows.
    case truncated(TruncatedFile)
    /// The entry can never be an arrival as it is.
    case refused(RefusedEntry)
    /// A waiting file was seen to be something other than its name says, see `ForeignContent`. This event is sent once for a file.
    case foreign(WaitingFile)
    /// Inotify or a look at it found a candidate or a directory missing. Files that are settled are not remembered, so that polling does
    /// not report those.
    case gone(SpoolPlace)
    /// A scan passed over so many names by rule.
    case ignored(spool: SpoolID, count: Int)
    /// The kernel or our own queue dropped events; every directory is being scanned again.
    case overflowed
    /// A scan of the whole directory ended.
    case rescanned(spool: SpoolID)
    /// The files changed that no pattern of the directory takes. The event says how many there are, and the first by name; external data of
    /// models is not among them.
    case unmatched(spool: SpoolID, count: Int, first: [String])
    /// A folder of the directory (empty: all of it) cannot be looked into; what is in it is not known until `unblocked`.
    case blocked(SpoolPlace, reason: String)
    /// The folder can be looked into again, and has been scanned.
    case unblocked(SpoolPlace)
    case unhealthy(spool: SpoolID, reason: String)
    case healthy(spool: SpoolID)
    /// Everything that the last scans found has been looked at once its quiet time was over: it was delivered, or it waits for its writer.
    case caughtUp
}

/// Describes a file that can be read, since it is complete.
package struct CompleteFile: Sendable, Equatable {
    package var place: SpoolPlace
    /// The stamp of the file; for a model with external data, over all its files (see `FileStamp.init(path:companions:)`).
    package var stamp: FileStamp
    /// The format that shows in the bytes that the file is whole; nil where it does not, or where the format is unknown by the name.
    package var format: String?
    /// The sign that showed that it is complete.
    package var settledBy: Settling.Sign
    /// The external data of a model, relative to the spool, sorted.
    package var companions: [String]
    /// The stamp of its signature, where one is there and the spool takes signatures.
    package var signature: FileStamp?
    /// Tells whether the last byte is a newline; nil where the file is not text.
    package var endsWithNewline: Bool?
    /// The number of the file among those that the watcher delivered as complete, from 1.
    package var sequence: Int
    /// The time from first sight to completeness, by our monotonic clock.
    package var settledIn: Duration
}

/// Describes a file that stayed incomplete for too long.
package struct TruncatedFile: Sendable, Equatable {
    package var place: SpoolPlace
    /// The stamp; of a file that lacks only its signature, the one that `FileStamp.judged` gives.
    package var stamp: FileStamp
    /// The reason, which says what is missing, in words for an operator.
    package var reason: String
    /// Tells whether only a whole signature is missing.
    package var isUnsigned = false
}

/// Describes an entry of a spool that can never be an arrival as it is.
package struct RefusedEntry: Sendable, Equatable {
    /// The place, in whose path bytes that are not UTF-8 are shown as U+FFFD.
    package var place: SpoolPlace
    /// The stamp of the entry itself: a link is not followed. It has only device and inode for a directory, and for a name that is refused
    /// whatever stands under it. It is nil where even that could not be read.
    package var stamp: FileStamp?
    package var explanation: Explanation
}

/// Describes a file that is not settled yet, with the reason.
package struct WaitingFile: Sendable, Equatable {
    package var place: SpoolPlace
    package var reason: String
}
