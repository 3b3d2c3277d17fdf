package import Arrivals
package import Reasons

package enum ArrivalState: String, Codable, Sendable, CaseIterable {
    case waiting, running, done, rejected, quarantined, superseded, ignored
}

/// Why something is as it is, for an operator: what is wrong, by which rule, and what to do.
package struct Explanation: Hashable, Codable, Sendable {
    /// Without what cells of a table hold.
    package var reason: String
    package var rule: Rule
    package var remedy: String
    /// The values of the cells that the reason is about. Nil where it is about none, or where they are hidden.
    package var cells: CellValues?

    package static let removedBeforeRead = Explanation(reason: "the file was removed before it could be read", rule: .inputGone)

    /// - Parameter remedy: by default what the rule says.
    package init(reason: Reason, rule: Rule, remedy: String? = nil) {
        self.reason = reason.text
        self.rule = rule
        self.remedy = remedy ?? rule.remedy
        cells = reason.cells
    }

    /// The reason, with what cells hold where that is told.
    package var whole: Reason {
        get { Reason(reason, cells: cells) }
        set { (reason, cells) = (newValue.text, newValue.cells) }
    }
}

/// A complete file, hashed, to be numbered.
package struct ArrivingFile: Hashable, Sendable {
    package var pipeline: String
    package var role: ArrivalRole
    /// Relative to the spool directory of its role.
    package var path: String
    /// Of a model with companions: of all of them together.
    package var digest: String
    package var stamp: FileStamp
    /// What two inputs of one pipeline must not share: the relative output path. Nil where nothing mirrors the input (models, labels).
    package var outputKey: String?
    package var companions: [Companion]
    /// How the watcher knew that it was complete: `renamed`, `closed`, `lease` or `quiet`. Nil where no watcher told.
    package var settledBy: String?

    package init(
        pipeline: String, role: ArrivalRole, path: String, digest: String, stamp: FileStamp, outputKey: String? = nil,
        companions: [Companion] = [], settledBy: String? = nil
    ) {
        self.pipeline = pipeline
        self.role = role
        self.path = path
        self.digest = digest
        self.stamp = stamp
        self.outputKey = outputKey
        self.companions = companions
        self.settledBy = settledBy
    }
}

extension ArrivingFile {
    /// The file as an arrival that waits, once it is numbered and `arrived`: what `RunLedger.waiting` would say of it.
    package func waiting(as number: Int64, since time: UTCTime) -> WaitingArrival {
        WaitingArrival(
            number: number, pipeline: pipeline, role: role, path: path, digest: digest, stamp: stamp, arrivedAt: time, outputKey: outputKey,
            companions: companions, isReplay: false)
    }
}

package enum ArrivalOutcome: Hashable, Sendable {
    /// A new arrival, waiting. `superseded` is the earlier arrival of that path that will not run any more.
    case arrived(Int64, superseded: Int64?)
    /// The content of the path's current arrival: nothing to do.
    case unchanged(Int64)
    /// The content of the path's current arrival, whose run was void because the file moved under it: it waits again.
    case resumed(Int64)
    /// A model or labels whose content was decided before, under whatever name: numbered, and `state` at once (done or rejected).
    case known(Int64, sameAs: Int64, state: ArrivalState)
    /// Numbered, and blocked until its content changes or someone says retry. `superseded` as above.
    case refused(Int64, Explanation, superseded: Int64?)

    package var number: Int64 {
        switch self {
        case .arrived(let number, _), .unchanged(let number), .resumed(let number), .known(let number, _, _), .refused(let number, _, _):
            number
        }
    }
}

/// A file that can never be an arrival as it is: a FIFO, a bad name, one that stays truncated.
package struct RefusedFile: Hashable, Sendable {
    package enum Disposition: String, Sendable {
        case quarantined, ignored
    }

    package var pipeline: String
    package var role: ArrivalRole
    /// With what is not UTF-8 or not printable escaped by the caller, always in the same way.
    package var path: String
    package var stamp: FileStamp
    package var digest: String?
    package var explanation: Explanation
    package var disposition: Disposition

    package init(
        pipeline: String, role: ArrivalRole, path: String, stamp: FileStamp, digest: String? = nil, explanation: Explanation,
        disposition: Disposition = .quarantined
    ) {
        self.pipeline = pipeline
        self.role = role
        self.path = path
        self.stamp = stamp
        self.digest = digest
        self.explanation = explanation
        self.disposition = disposition
    }
}

/// An arrival as the ledger has it.
package struct Arrival: Hashable, Codable, Sendable {
    package var number: Int64
    package var pipeline: String
    package var role: ArrivalRole
    package var path: String
    /// Nil for what was refused without having been read.
    package var digest: String?
    package var byteCount: Int64
    package var arrivedAt: UTCTime
    package var state: ArrivalState
    /// What was decided, where `state` does not say it all: `published 3`, `same content as arrival 7`.
    package var verdict: String?
    package var explanation: Explanation?
    /// The arrival of the same path before this one.
    package var previous: Int64?
    /// Its newest run.
    package var run: Int64?
    /// How the watcher knew that it was complete: `renamed`, `closed`, `lease` or `quiet`. Nil for arrivals from before that was recorded.
    package var settledBy: String?
}

/// An arrival that may start, with what an earlier attempt left.
package struct WaitingArrival: Hashable, Codable, Sendable {
    package var number: Int64
    package var pipeline: String
    package var role: ArrivalRole
    package var path: String
    package var digest: String
    package var stamp: FileStamp
    package var arrivedAt: UTCTime
    package var outputKey: String?
    package var companions: [Companion]
    /// True when `replay` asked for it: it is scored under the version in force now, not by its place in arrival order.
    package var isReplay: Bool
    /// The run that its next attempt belongs to; its binding is kept whatever `open` is told.
    package var run: Int64?
    package var boundVersion: Int?
    package var boundRevision: String?
    package var nextAttemptAt: UTCTime?
}
