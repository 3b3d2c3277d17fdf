package import Arrivals
package import Reasons

/// What of a pipeline can be told.
package enum NotificationKind: String, Codable, Sendable, CaseIterable {
    /// A model version or an output landed.
    case published
    case rejected, quarantined
    /// Something of the pipeline waits longer than it says.
    case waitingLong = "waiting_long"

    /// Nil for an event of which nobody is told.
    init?(event: String, role: ArrivalRole?) {
        switch event {
        case "published": self = .published
        case "done" where role == .data: self = .published
        case "rejected": self = .rejected
        case "quarantined", "refused": self = .quarantined
        case Self.waitingLong.rawValue: self = .waitingLong
        default: return nil
        }
    }
}

/// Who is told of what, by pipeline.
package struct NotificationRoutes: Hashable, Sendable {
    private var targets: [String: [NotificationKind: [String]]] = [:]

    package init() {}

    package mutating func add(_ names: [String], of kind: NotificationKind, in pipeline: String) {
        targets[pipeline, default: [:]][kind] = names
    }

    func targets(of kind: NotificationKind, in pipeline: String) -> [String] { targets[pipeline]?[kind] ?? [] }
    func includes(_ pipeline: String) -> Bool { targets[pipeline] != nil }
}

/// One event as it is told: without what cells of tables hold.
package struct Notice: Codable, Sendable, Hashable {
    package struct Output: Codable, Sendable, Hashable {
        package var path: String
        package var digest: String
        package var bytes: Int64
    }

    /// The same however often it is told.
    package var id: String
    package var kind: NotificationKind
    package var at: UTCTime
    package var pipeline: String
    package var role: ArrivalRole?
    /// Relative to its spool.
    package var file: String?
    package var arrival: Int64?
    package var run: Int64?
    package var version: Int?
    package var rows: Int64?
    package var reason: String?
    package var rule: Rule?
    package var remedy: String?
    package var outputs: [Output]
}

/// A notification on its way to one target.
package struct DueNotification: Sendable, Hashable {
    package var id: Int64
    /// A `Notice` as JSON.
    package var body: String
    package var at: UTCTime
    package var attempts: Int
}

/// What a target has not been told yet.
package struct UntoldStatus: Codable, Sendable, Hashable {
    package var target: String
    package var count: Int
    package var oldest: UTCTime
    package var error: String?
    /// How many were given up.
    package var givenUp: Int
}
