import Arrivals
import Attempts
import Ledger
import Machine
import PipelineConfig
import Reasons

/// Holds decisions about runs whose attempts have ended, which are recorded in one transaction.
struct RunDecisions {
    /// Describes a run that ends.
    struct Closed {
        let attempt: OpenAttempt
        let closing: RunClosing
        /// The report of a training, also of one in vain; nil where nothing was trained.
        var training: TrainingReport?
    }

    /// Describes a run that goes on with another attempt.
    struct Delayed {
        let attempt: OpenAttempt
        let failure: FailedAttempt
    }

    /// Describes a model that became a version; its run is among `closed` too.
    struct Published {
        let assignment: Dispatcher.Assignment
        let version: Int
        let modelDigest: String
        let floatDigest: String?
        let card: String
        let training: TrainingReport?
        /// The place in the order of arrivals at which the version comes into force.
        let position: Int64
    }

    /// Holds the ledger's answer for each version that was published.
    struct Recorded {
        /// The activation of each version; nil for a version that is not in force.
        var activations: [VersionActivation?] = []
        /// The labels that each version decides.
        var labels: [[Int64]] = []
    }

    /// The machines on which the attempts of runs were executed, by run, as far as that is known.
    private var machines: [Int64: AttemptMachine] = [:]
    private(set) var closed: [Closed] = []
    private(set) var delayed: [Delayed] = []
    private(set) var published: [Published] = []

    var isEmpty: Bool { closed.isEmpty && delayed.isEmpty }

    /// Notes the machine on which an attempt was executed, before anything is decided about its run.
    mutating func note(_ machine: AttemptMachine?, of run: Int64) { machines[run] = machine }

    mutating func close(
        _ attempt: OpenAttempt, _ outcome: RunClosing.Outcome, timings: [String: Double] = [:], rowCount: Int64? = nil,
        training: TrainingReport? = nil
    ) {
        let closing = RunClosing(
            run: attempt.run.number, outcome: outcome, timings: timings, rowCount: rowCount, machine: machines[attempt.run.number])
        closed.append(Closed(attempt: attempt, closing: closing, training: training))
    }

    /// Decides that a run goes on with another attempt.
    /// - Parameters:
    ///   - time: when the next attempt may start; nil where that is as soon as there is room.
    ///   - counts: whether the failed attempt counts against `on_error.attempts`.
    mutating func delay(_ attempt: OpenAttempt, _ failure: Failure, until time: UTCTime?, counts: Bool) {
        let failure = FailedAttempt(
            run: attempt.run.number, outcome: failure.kind.rawValue, error: failure.reason, nextAttemptAt: time, counts: counts,
            machine: machines[attempt.run.number])
        delayed.append(Delayed(attempt: attempt, failure: failure))
    }

    mutating func publish(_ version: Published) { published.append(version) }

    /// Records all decisions in one transaction, with the events that tell of them.
    func record(in ledger: RunLedger, at now: UTCTime) throws(LedgerError) -> Recorded {
        let events = events
        return try ledger.write { (tx) throws(LedgerError) in
            try tx.close(closed.map(\.closing), at: now)
            try tx.attemptFailed(delayed.map(\.failure), at: now)
            for end in closed {
                guard case .rejected(let explanation) = end.closing.outcome else { continue }
                try tx.rejectVersion(
                    run: end.closing.run, reason: explanation.fullReason, parent: end.attempt.run.version, training: end.training?.record,
                    at: now)
            }
            var recorded = Recorded()
            for version in published {
                let run = version.assignment.run.number
                recorded.activations.append(
                    try tx.publishVersion(
                        run: run, modelDigest: version.modelDigest, card: version.card, parentDigest: version.assignment.parentDigest,
                        floatDigest: version.floatDigest, training: version.training?.record, position: version.position, at: now))
                recorded.labels.append(
                    try version.training.map { (training) throws(LedgerError) in
                        try tx.decideLabels(run: run, training.outcome(version: version.version), unusable: training.unusableLabels)
                    } ?? [])
            }
            try tx.append(events, at: now)
            return recorded
        }
    }

    private var events: [NewEvent] {
        func event(_ kind: String, _ attempt: OpenAttempt) -> NewEvent {
            NewEvent(kind, pipeline: attempt.pipeline.name, arrival: attempt.arrival.number, run: attempt.run.number)
        }
        return closed.map { $0.closing.event(of: $0.attempt.arrival.number, in: $0.attempt.pipeline.name) }
            + delayed.map { event($0.failure.counts || $0.failure.nextAttemptAt != nil ? "delayed" : "handed back", $0.attempt) }
            + published.map {
                .published($0.version, of: $0.assignment.arrival.number, in: $0.assignment.pipeline.name, run: $0.assignment.run.number)
            }
    }
}

extension RunClosing {
    /// Returns the event that tells how the run ended.
    func event(of arrival: Int64, in pipeline: String) -> NewEvent {
        var event = NewEvent(outcome.eventKind, pipeline: pipeline, arrival: arrival, run: run)
        event.payload = payload
        return event
    }
}

extension NewEvent {
    /// Returns the event that tells that an arrival became a version.
    static func published(_ version: Int, of arrival: Int64, in pipeline: String, run: Int64) -> NewEvent {
        var event = NewEvent("published", pipeline: pipeline, arrival: arrival, run: run)
        event.payload = "{\"version\":\(version)}"
        return event
    }
}
