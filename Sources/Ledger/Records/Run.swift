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

package struct OpenedRun: Hashable, Sendable {
    /// The number of the run.
    package var number: Int64
    package var arrival: Int64
    package var kind: RunKind
    /// The model version that the run was bound to when it first opened.
    package var version: Int?
    package var revision: String
    /// The number of the attempt: 1, 2, 3 … over the whole life of the run.
    package var attempt: Int
    /// The number of attempts that count against `on_error.attempts`: those since the last `retry` that were not handed back, including
    /// this one.
    package var countedAttempts: Int
    /// Tells whether something may have been published for this path before: false only in the first attempt of the path's first arrival.
    package var mayReplace: Bool
}

package enum OpenOutcome: Hashable, Sendable {
    case opened(OpenedRun)
    /// It is a model or labels whose content another arrival decided in the meantime: it now has the same state, and no run.
    case decidedAlready(sameAs: Int64, state: ArrivalState)
    /// It does not wait (any more): it was superseded or withdrawn, or it waits for its file to settle again.
    case notWaiting(ArrivalState)

    package var run: OpenedRun? {
        if case .opened(let run) = self { run } else { nil }
    }
}

/// Describes an attempt that ended without deciding the run.
package struct FailedAttempt: Hashable, Sendable {
    package var run: Int64
    /// One word for the kind of failure, such as `resource`.
    package var outcome: String
    package var error: Reason
    /// The time of the next attempt; nil means as soon as there is room.
    package var nextAttemptAt: UTCTime?
    /// Tells whether the attempt counts against `on_error.attempts`. One that was handed back does not.
    package var counts: Bool
    /// The machine that executed it; nil where its process died.
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
        /// Everything that was intended for the run is published.
        case done(verdict: String?)
        /// The rows of the labels are kept and no training has learnt from them yet, for this reason.
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
    /// The seconds that each phase took.
    package var timings: [String: Double]
    package var rowCount: Int64?
    /// The machine that executed the last attempt; nil where its process died: then the machine of what was published counts.
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

/// Describes a run left open by a daemon that stopped or was killed, with what it may have published already.
package struct InterruptedRun: Hashable, Sendable {
    package var number: Int64
    package var arrival: Arrival
    package var kind: RunKind
    package var version: Int?
    package var revision: String
    package var attempt: Int
    package var countedAttempts: Int
    package var openedAt: UTCTime
    package var nextAttemptAt: UTCTime?
    package var intended: [Publication]
    /// The version number reserved for the run, if it decides a model.
    package var intendedVersion: Int?
}

package struct Attempt: Hashable, Codable, Sendable {
    package var number: Int
    package var startedAt: UTCTime?
    package var endedAt: UTCTime?
    /// The outcome: `done`, `running`, or a word for the failure.
    package var outcome: String
    /// The error, without the values of cells.
    package var error: String?
    /// The values of the cells that the error is about; nil where it is about none, or where they are hidden.
    package var cells: CellValues?
    package var nextAttemptAt: UTCTime?
    /// The machine that executed it, where that is known.
    package var machine: AttemptMachine?

    /// The error, with the values of cells unless they are hidden.
    package var fullReason: Reason? { error.map { Reason($0, cells: cells) } }
}

/// Describes a run as the commands show it.
package struct RunRecord: Hashable, Codable, Sendable {
    package var number: Int64
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
    /// The machine that executed the attempt which decided the run, where that is known.
    package var machine: AttemptMachine?

    private enum CodingKeys: String, CodingKey {
        case number = "run"
        case arrival, pipeline, role, path, kind, state, version, revision, openedAt, closedAt, attemptCount, nextAttemptAt, rowCount,
            timings
        case explanation, machine
    }
}

package struct RunFilter: Hashable, Sendable {
    package var pipeline: String?
    package var state: RunState?
    package var arrival: Int64?
    package var path: String?
    package var openedSince: UTCTime?
    /// The lowest run of the page before, for the next page.
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
