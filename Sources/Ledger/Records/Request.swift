/// Which arrivals a command means. All that is given must hold.
package struct Selection: Hashable, Codable, Sendable {
    package var pipeline: String?
    package var role: ArrivalRole?
    /// Relative to the spool directory: the path's current arrival.
    package var path: String?
    package var arrival: Int64?
    package var run: Int64?
    /// Arrived at that time or later.
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

/// What a command asks of the daemon, which applies it when it next looks, or when it next starts.
package enum Request: Hashable, Codable, Sendable {
    case retry(Selection)
    case replay(Selection)
    case activate(pipeline: String, version: Int)
    /// Nil: every pipeline.
    case pause(pipeline: String?)
    case resume(pipeline: String?)
    /// Ends the attempt of a run, which then goes to quarantine.
    case stop(run: Int64)

    package var kind: String {
        switch self {
        case .retry: "retry"
        case .replay: "replay"
        case .activate: "activate"
        case .pause: "pause"
        case .resume: "resume"
        case .stop: "stop"
        }
    }
}

package struct PendingRequest: Hashable, Codable, Sendable {
    package var id: Int64
    package var request: Request
    package var submittedAt: UTCTime
}

/// What applying a request changed, for the scheduler and for who asked.
package struct RequestOutcome: Hashable, Codable, Sendable {
    package struct Affected: Hashable, Codable, Sendable {
        package var arrival: Int64
        package var pipeline: String
        package var role: ArrivalRole
        package var path: String
    }

    package var isRefused: Bool
    package var message: String
    /// Arrivals that now wait again.
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

/// Paused pipelines; new work starts in none of them.
package struct Pauses: Hashable, Codable, Sendable {
    package var all: Bool
    package var pipelines: [String]

    package func includes(_ pipeline: String) -> Bool { all || pipelines.contains(pipeline) }
}
