import Arrivals

/// Decides what is done about a failed attempt, by its kind. Nothing else decides that; `Failure+Files.swift` and
/// `Runner/Failure+Errors.swift` decide the kind.
package enum FailurePolicy {
    package enum Action: Hashable, Sendable {
        /// Try again after a delay.
        case retry(after: Duration)
        /// The input is blocked with its reason until its content changes or someone says `retry`.
        case quarantine
        /// The model, or the labels, are decided: they get no version.
        case reject
        /// The run is closed as void; the file settles again and is a new arrival if its content is new.
        case resettle
        /// The pipeline waits for the machine and then tries again, as often as it takes; no attempt is counted.
        case awaitMachine
        /// The file alone waits and is tried again, as often as it takes; no attempt is counted.
        case awaitFile(after: Duration)
        /// The run stays open and starts afresh when the daemon does.
        case handBack
    }

    /// Returns what is done about a failed attempt.
    /// - Parameters:
    ///   - attempt: the number of attempts that were counted, with this one.
    ///   - number: the number of attempts that were made, with this one.
    ///   - limit: the value of `on_error.attempts`.
    ///   - backoff: the value of `on_error.backoff`; it doubles with each attempt, up to an hour.
    package static func action(
        for failure: Failure, goal: AttemptSpec.Goal, attempt: Int, number: Int, limit: Int, backoff: Duration
    ) -> Action {
        switch failure.kind {
        case .badInput, .stopped: .quarantine
        // Another attempt would outgrow the memory again.
        case .badModel, .memoryLimit: goal == .score ? .quarantine : .reject
        case .gate, .diverged, .tooFewRows: .reject
        case .inputChanged, .inputGone: .resettle
        case .cancelled: .handBack
        case .machine: .awaitMachine
        case .unreadable: .awaitFile(after: GrowingPauses().pause(after: number - 1))
        case .resource, .timeLimit, .loadTime, .standstill, .workerDied, .modelUnavailable, .executorLost:
            attempt >= limit ? .quarantine : .retry(after: delay(attempt: attempt, backoff: backoff))
        }
    }

    static func delay(attempt: Int, backoff: Duration) -> Duration {
        GrowingPauses(first: backoff, longest: .seconds(3600)).pause(after: attempt - 1)
    }
}

extension Failure.Kind {
    /// Tells whether a failure of this kind ends an attempt whichever of its files was in hand: it comes from the machine, the limits or a
    /// stop.
    package var endsAttempt: Bool {
        switch self {
        case .machine, .resource, .timeLimit, .loadTime, .standstill, .memoryLimit, .workerDied, .cancelled, .stopped: true
        case .badInput, .badModel, .inputChanged, .inputGone, .unreadable, .modelUnavailable, .tooFewRows, .gate, .diverged, .executorLost:
            false
        }
    }
}
