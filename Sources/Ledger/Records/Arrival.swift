package import Arrivals
package import Reasons

package enum ArrivalState: String, Codable, Sendable, CaseIterable {
    case waiting, running, done, rejected, quarantined, superseded, ignored
}

extension Explanation {
    package static let removedBeforeRead = Explanation(reason: "the file was removed before it could be read", rule: .inputGone)
}

package enum ArrivalOutcome: Hashable, Sendable {
    /// It is a new arrival, and waits. `superseded` is the earlier arrival of that path that will not run any more.
    case arrived(Int64, superseded: Int64?)
    /// It has the content of the path's current arrival, so that there is nothing to do.
    case unchanged(Int64)
    /// It has the content of the path's current arrival, whose run was void because the file changed while it was read: it waits again.
    case resumed(Int64)
    /// It is a model or labels whose content was decided before, under any name: it is numbered, and gets that `state` (done or rejected)
    /// at once.
    case known(Int64, sameAs: Int64, state: ArrivalState)
    /// It is numbered, and blocked until its content changes or someone says retry. `superseded` is the same as above.
    case refused(Int64, Explanation, superseded: Int64?)

    package var number: Int64 {
        switch self {
        case .arrived(let number, _), .unchanged(let number), .resumed(let number), .known(let number, _, _), .refused(let number, _, _):
            number
        }
    }
}

/// Describes a file that can never be an arrival as it is: a FIFO, a file with a bad name, one that stays truncated.
package struct RefusedFile: Hashable, Sendable {
    package enum Disposition: String, Sendable {
        case quarantined, ignored
    }

    /// The place of the file. The caller has escaped in its path what is not UTF-8 or not printable, always in the same way.
    package var place: SpoolPlace
    package var stamp: FileStamp
    package var digest: String?
    package var explanation: Explanation
    package var disposition: Disposition

    package init(
        _ place: SpoolPlace, stamp: FileStamp, digest: String? = nil, explanation: Explanation, disposition: Disposition = .quarantined
    ) {
        self.place = place
        self.stamp = stamp
        self.digest = digest
        self.explanation = explanation
        self.disposition = disposition
    }
}

/// Describes an arrival as the ledger has it.
package struct Arrival: Hashable, Codable, Sendable {
    package var number: Int64
    package var pipeline: String
    package var role: ArrivalRole
    package var path: String
    /// The digest of the content; nil where the file was refused without having been read.
    package var digest: String?
    package var byteCount: Int64
    package var arrivedAt: UTCTime
    package var state: ArrivalState
    /// The decision, where `state` does not say it all: `published 3`, `same content as arrival 7`.
    package var verdict: String?
    package var explanation: Explanation?
    /// The arrival of the same path before this one.
    package var previous: Int64?
    /// Its newest run.
    package var run: Int64?
    /// The way in which the watcher knew that the file was complete: `renamed`, `closed`, `lease` or `quiet`; nil for arrivals that were
    /// recorded without it.
    package var settledBy: String?
}

/// Describes an arrival that may start, with what an earlier attempt left.
package struct WaitingArrival: Hashable, Sendable {
    package var number: Int64
    package var file: ArrivedFile
    package var arrivedAt: UTCTime
    /// Tells whether `replay` asked for it: it is then scored under the version in force now, not by its place in arrival order.
    package var isReplay = false
    /// The run that its next attempt belongs to; its binding is kept, whatever `open` asks for.
    package var run: Int64?
    package var boundVersion: Int?
    package var boundRevision: String?
    package var nextAttemptAt: UTCTime?

    /// - Parameter number: the number that the ledger has given to the file.
    package init(_ number: Int64, _ file: ArrivedFile, arrivedAt: UTCTime) {
        self.number = number
        self.file = file
        self.arrivedAt = arrivedAt
    }

    package var pipeline: String { file.pipeline }
    package var role: ArrivalRole { file.role }
    package var path: String { file.path }
}
