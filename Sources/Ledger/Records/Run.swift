package import Arrivals
package import Machine
package import Reasons

package enum RunKind: String, Codable, Sendable {
    case normal, replay
}

package enum RunState: String, Codable, Sendable, CaseIterable {
    case open, done, rejected, quarantined, abandoned
}

/// Asks for the next attempt of an arrival.
package struct RunOpening: Hashable, Sendable {
    package var arrival: Int64
    /// The model version that scores it; nil for a model that is decided.
    package var version: Int?
    package var revision: String

    package init(arrival: Int64, version: Int?, revision: String) {
        self.arrival = arrival
        self.version = version
        self.revision = revision
    }
}

package struct OpenedRun: Hashable, Codable, Sendable {
    package var run: Int64
    package var arrival: Int64
    package var kind: RunKind
    /// The binding that holds: that of the run's first opening.
    package var version: Int?
    package var revision: String
    /// 1, 2, 3 … over the whole life of the run.
    package var attempt: Int
    /// Those that count against `on_error.attempts`: since the last `retry`, less those handed back; this one included.
    package var countedAttempts: Int
    /// False only where nothing can have been published for this path before: its first arrival's first attempt.
    package var mayReplace: Bool
}

package enum OpenOutcome: Hashable, Sendable {
    case opened(OpenedRun)
    /// A model or labels whose content another arrival decided in the meantime: this one now has the same state, and no run.
    case decidedAlready(sameAs: Int64, state: ArrivalState)
    /// It does not wait (any more): superseded, withdrawn, or waiting for its file to settle again.
    case notWaiting(ArrivalState)

    package var run: OpenedRun? {
        if case .opened(let run) = self { run } else { nil }
    }
}

/// An attempt that ended without deciding the run.
package struct FailedAttempt: Hashable, Sendable {
    package var run: Int64
    /// One word for the kind of failure, such as `resource`.
    package var outcome: String
    package var error: Reason
    /// Nil: as soon as there is room.
    package var nextAttemptAt: UTCTime?
    /// False for an attempt that was handed back: it does not count against `on_error.attempts`.
    package var counts: Bool
    /// On what it was executed; nil where its process died.
    package var machine: AttemptMachine?

    package init(
        run: Int64, outcome: String, error: Reason, nextAttemptAt: UTCTime?, counts: Bool = true, machine: AttemptMachine? = nil
    ) {
        self.run = run
        self.outcome = outcome
        self.error = error
        self.nextAttemptAt = nextAttemptAt
        self.counts = counts
        self.machine = machine
    }
}

package struct RunClosing: Hashable, Sendable {
    package enum Outcome: Hashable, Sendable {
        /// All that was intended for the run is published.
        case done(verdict: String?)
        /// The labels' rows are kept and were not learnt from yet, for this reason.
        case kept(Explanation)
        case rejected(Explanation)
        case quarantined(Explanation)
        /// The file changed while it was read. The arrival waits until the file has settled again, and is superseded if the content
        /// differs.
        case void(reason: String)
        /// The file went away before it could be read.
        case gone
    }

    package var run: Int64
    package var outcome: Outcome
    /// Seconds by phase.
    package var timings: [String: Double]
    package var rowCount: Int64?
    /// On what its last attempt was executed. Nil where the process died: then what was published says it.
    package var machine: AttemptMachine?

    package init(
        run: Int64, outcome: Outcome, timings: [String: Double] = [:], rowCount: Int64? = nil, machine: AttemptMachine? = nil
    ) {
        self.run = run
        self.outcome = outcome
        self.timings = timings
        self.rowCount = rowCount
        self.machine = machine
    }
}

/// A run left open by a daemon that stopped or was killed, with what it may have published already.
package struct OpenRun: Hashable, Codable, Sendable {
    package var run: Int64
    package var arrival: Arrival
    package var kind: RunKind
    package var version: Int?
    package var revision: String
    package var attempt: Int
    package var countedAttempts: Int
    package var openedAt: UTCTime
    package var nextAttemptAt: UTCTime?
    package var intended: [Publication]
    /// The version number reserved for it, if it decides a model.
    package var intendedVersion: Int?
}

package struct Attempt: Hashable, Codable, Sendable {
    package var number: Int
    package var startedAt: UTCTime?
    package var endedAt: UTCTime?
    /// `done`, `running`, or a word for the failure.
    package var outcome: String
    /// Without what cells of a table hold.
    package var error: String?
    /// The values of the cells that the error is about. Nil where it is about none, or where they are hidden.
    package var cells: CellValues?
    package var nextAttemptAt: UTCTime?
    /// On what it was executed, where that is known.
    package var machine: AttemptMachine?

    /// The error, with what cells hold where that is told.
    package var whole: Reason? { error.map { Reason($0, cells: cells) } }
}

/// A run as the commands show it.
package struct RunRecord: Hashable, Codable, Sendable {
    package var run: Int64
    package var arrival: Int64
    package var pipeline: String
    package var role: ArrivalRole
    package var path: String
    package var kind: RunKind
    package var state: RunState
    package var version: Int?
    package var revision: String
    package var openedAt: UTCTime
    package var closedAt: UTCTime?
    package var attemptCount: Int
    package var nextAttemptAt: UTCTime?
    package var rowCount: Int64?
    package var timings: [String: Double]
    package var explanation: Explanation?
    /// On what the attempt was executed that decided it, where that is known.
    package var machine: AttemptMachine?
}

package struct RunFilter: Hashable, Sendable {
    package var pipeline: String?
    package var state: RunState?
    package var arrival: Int64?
    package var path: String?
    package var openedSince: UTCTime?
    /// For the next page: the lowest run of the page before.
    package var before: Int64?
    package var limit: Int

    package init(
        pipeline: String? = nil, state: RunState? = nil, arrival: Int64? = nil, path: String? = nil, openedSince: UTCTime? = nil,
        before: Int64? = nil, limit: Int = 50
    ) {
        self.pipeline = pipeline
        self.state = state
        self.arrival = arrival
        self.path = path
        self.openedSince = openedSince
        self.before = before
        self.limit = limit
    }
}
