package import Arrivals

/// Selects the arrivals that a command means. Everything that is given must hold.
package struct Selection: Hashable, Codable, Sendable {
    package var pipeline: String?
    package var role: ArrivalRole?
    /// The path relative to the spool directory; it means the path's current arrival.
    package var path: String?
    package var arrival: Int64?
    package var run: Int64?
    /// The earliest time of arrival.
    package var since: UTCTime?
    package var state: ArrivalState?

    package init(
        pipeline: String? = nil, role: ArrivalRole? = nil, path: String? = nil, arrival: Int64? = nil, run: Int64? = nil,
        since: UTCTime? = nil, state: ArrivalState? = nil
    ) {
        self.pipeline = pipeline
        self.role = role
        self.path = path
        self.arrival = arrival
        self.run = run
        self.since = since
        self.state = state
    }
}

/// Describes what a command asks of the daemon, which applies it when it next looks, or when it next starts.
package enum Request: Hashable, Codable, Sendable {
    case retry(Selection)
    case replay(Selection)
    case activate(pipeline: String, version: Int)
    /// Puts the version in force until it is unpinned.
    case pin(pipeline: String, version: Int)
    case unpin(pipeline: String)
    /// Clears what is gone or settled out of the blocked arrivals.
    case forget(Selection)
    /// Pauses the pipeline; nil means every pipeline.
    case pause(pipeline: String?)
    case resume(pipeline: String?)
    /// Ends the attempt of a run, which then goes to quarantine.
    case stop(run: Int64)

    package var kind: String {
        switch self {
        case .retry: "retry"
        case .replay: "replay"
        case .activate: "activate"
        case .pin: "pin"
        case .unpin: "unpin"
        case .forget: "forget"
        case .pause: "pause"
        case .resume: "resume"
        case .stop: "stop"
        }
    }
}

/// Answers what the ledger asks about the files of inputs that are to be worked on again. The ledger knows neither their folders nor their
/// stamps.
package struct InputLookup {
    /// Returns the reason why an input cannot be worked on again, since its content is nowhere to be found; nil where it can.
    let refusal: (ArrivedFile) -> String?
    /// Returns whether the file is in its spool.
    let isSpooled: (ArrivedFile) -> Bool

    package init(refusal: @escaping (ArrivedFile) -> String?, isSpooled: @escaping (ArrivedFile) -> Bool) {
        self.refusal = refusal
        self.isSpooled = isSpooled
    }
}

package struct PendingRequest: Hashable, Codable, Sendable {
    package var id: Int64
    package var request: Request
    package var submittedAt: UTCTime
}

/// Describes what a request changed when it was applied, for the scheduler and for the one who asked.
package struct RequestOutcome: Hashable, Codable, Sendable {
    package struct Affected: Hashable, Codable, Sendable {
        package var arrival: Int64
        package var pipeline: String
        package var role: ArrivalRole
        package var path: String
    }

    package var isRefused: Bool
    package var message: String
    /// The arrivals that now wait again, or that are forgotten.
    package var affected: [Affected]
    package var activation: VersionActivation?
    /// The run whose attempt is to end.
    package var stopping: Int64?

    package init(
        isRefused: Bool = false, message: String, affected: [Affected] = [], activation: VersionActivation? = nil, stopping: Int64? = nil
    ) {
        self.isRefused = isRefused
        self.message = message
        self.affected = affected
        self.activation = activation
        self.stopping = stopping
    }
}

/// Lists the paused pipelines; no new work starts in them.
package struct Pauses: Hashable, Codable, Sendable {
    package var all: Bool
    package var pipelines: [String]

    package func includes(_ pipeline: String) -> Bool { all || pipelines.contains(pipeline) }
}
