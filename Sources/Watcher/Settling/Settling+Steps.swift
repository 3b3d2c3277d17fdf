package import Arrivals

/// These values go in and out of a `Settling`: each step asks for an answer, and each answer gives the next step.
extension Settling {
    /// Names a change that was heard or found.
    package enum Signal: String, Sendable, CaseIterable {
        /// A scan or a poll met the file.
        case found
        case created
        case modified
        case closed
        case movedIn
        case attributes
        /// A file that this one needs, or a mark of a download of it, changed.
        case companion
    }

    /// Holds the result of a look at the file.
    package enum Look: Sendable, Equatable {
        case gone
        /// `age` is the time since the last change by the file system's clock; it is given only where there is no time to wait (`--once`).
        case file(FileStamp, age: Duration?)
    }

    /// Holds the result of a check of the bytes.
    package enum Content: Sendable, Equatable {
        /// The format shows that it is all there.
        case whole
        /// The file is a model with external data, all of it there. The stamp is over all its files. `dataIsOlder` says that the data was
        /// in place well before the model, so that a sync tool which carries the model first may yet replace it.
        case wholeWithData(FileStamp, dataIsOlder: Bool)
        /// The text says what is missing.
        case incomplete(String)
        /// The file must not be read further as it is now. It is refused once it is quiet, since links come and go while tools publish.
        case unsafe
        /// The machine did not let it be read: nothing is known, and the file is not to blame.
        case unread(String)
        /// The format shows nothing about its end. `endsWithNewline` is nil where that means nothing.
        case undecided(endsWithNewline: Bool?)
    }

    /// Names the answers of `fcntl(F_SETLEASE, F_RDLCK)`, which is denied while anyone has the file open for writing.
    package enum Lease: Sendable {
        case granted
        case denied
        case unavailable
    }

    /// Names the signs that a file is complete.
    package enum Sign: String, Sendable, Codable {
        case renamed
        case closed
        /// It was closed or touched, and nobody had it open for writing then and a quarter of the quiet time later.
        case lease
        case quiet
    }

    /// Tells the next thing to do for the file.
    package enum Step: Sendable, Equatable {
        /// Stat the file and answer with `observed`.
        case look
        /// Check the content and answer with `checked`.
        case checkContent
        /// Try for a lease on the file and its external data and answer with `leased`.
        case probeLease
        /// Call `due` at that time. The text says what for.
        case wait(until: Duration, for: String)
        case complete(Sign)
        case truncated(String)
        case refuse
        /// The file is gone.
        case forget
    }
}
