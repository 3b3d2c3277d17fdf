package import Arrivals
package import Reasons

package struct RoleCounts: Hashable, Codable, Sendable {
    package var role: ArrivalRole
    package var state: ArrivalState
    package var count: Int
}

/// Says why an arrival has not started, as far as the ledger knows.
package enum WaitReason: Hashable, Codable, Sendable {
    case paused
    case forModel(arrival: Int64, path: String)
    case forFirstModel
    /// Labels that came before it are trained on first.
    case forLabels(arrival: Int64, path: String)
    case forRetry(at: UTCTime)
    /// The machine does not allow the work of the pipeline, or the reading of this file.
    case forMachine(reason: String, since: UTCTime, next: UTCTime)
    /// The file changed or went away while it was read.
    case forFileToSettle
    case forRoom
}

package struct PipelineStatus: Hashable, Codable, Sendable {
    package struct Waiting: Hashable, Codable, Sendable {
        package var arrival: Int64
        package var role: ArrivalRole
        package var path: String
        package var since: UTCTime
        package var reason: WaitReason
    }

    /// Describes an attempt that a worker executes.
    package struct Running: Hashable, Codable, Sendable {
        package var arrival: Int64
        package var role: ArrivalRole
        package var path: String
        package var run: Int64
        package var attempt: Int
        package var since: UTCTime
    }

    package struct Blocked: Hashable, Codable, Sendable {
        package var arrival: Int64
        package var role: ArrivalRole
        package var path: String
        package var explanation: Explanation?
    }

    package var pipeline: String
    package var counts: [RoleCounts]
    package var activeVersion: Int?
    /// The version that stays in force until it is unpinned.
    package var pinnedVersion: Int?
    package var isPaused: Bool
    /// The age of the oldest arrival that waits, in milliseconds.
    package var oldestWaitingAge: Int64?
    /// The first few of those that wait, oldest first; `counts` has how many there are.
    package var waiting: [Waiting]
    /// The first few of those that run, oldest first.
    package var running: [Running]
    /// The reason why the labels that arrived last were kept and not learnt from yet.
    package var labelsWait: Explanation?
    /// The newest few of those in quarantine.
    package var quarantined: [Blocked]
    /// The newest few models and labels that were rejected.
    package var rejected: [Blocked]

    package func count(_ state: ArrivalState, role: ArrivalRole? = nil) -> Int {
        counts.filter { $0.state == state && (role == nil || $0.role == role) }.reduce(0) { $0 + $1.count }
    }
}

/// Holds everything known about one path in one spool.
package struct FileExplanation: Hashable, Codable, Sendable {
    package struct Visit: Hashable, Codable, Sendable {
        package var arrival: Arrival
        package var runs: [RunHistory]
    }

    package struct RunHistory: Hashable, Codable, Sendable {
        package var run: RunRecord
        package var attempts: [Attempt]
        package var publications: [Publication]
    }

    package var pipeline: String
    package var role: ArrivalRole
    package var path: String
    package var stamp: FileStamp
    /// The reason why the current arrival waits; nil where it does not wait.
    package var wait: WaitReason?
    /// The current arrival first, then the path's earlier ones.
    package var visits: [Visit]
}
