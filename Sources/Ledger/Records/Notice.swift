package import Arrivals
package import Reasons

/// Lists the kinds of notifications that a pipeline can send.
package enum NotificationKind: String, Codable, Sendable, CaseIterable {
    /// A model version or an output landed.
    case published
    case rejected, quarantined
    /// Something of the pipeline waits longer than its file allows.
    case waitingLong = "waiting_long"

    /// Returns nil for an event of which nobody is told.
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

/// Keeps, for each pipeline, the targets that are told of each kind of event.
package struct NotificationRoutes: Hashable, Sendable {
    private var targets: [String: [NotificationKind: [String]]] = [:]

    package init() {}

    package mutating func add(_ names: [String], of kind: NotificationKind, in pipeline: String) {
        targets[pipeline, default: [:]][kind] = names
    }

    func targets(of kind: NotificationKind, in pipeline: String) -> [String] { targets[pipeline]?[kind] ?? [] }
    func includes(_ pipeline: String) -> Bool { targets[pipeline] != nil }
}

/// Describes one event as it is told to a target, without the values of cells.
package struct Notice: Codable, Sendable, Hashable {
    package struct Output: Codable, Sendable, Hashable {
        package var path: String
        package var digest: String
        package var bytes: Int64
    }

    /// The identifier, which stays the same however often the notice is sent.
    package var id: String
    package var kind: NotificationKind
    package var at: UTCTime
    package var pipeline: String
    package var role: ArrivalRole?
    /// The path of the file, relative to its spool.
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

/// Describes a notification that is to be sent to one target.
package struct DueNotification: Sendable, Hashable {
    package var id: Int64
    /// The `Notice` as JSON.
    package var body: String
    package var at: UTCTime
    package var attempts: Int
}

/// Counts the notifications that a target has not received.
package struct UntoldStatus: Codable, Sendable, Hashable {
    package var target: String
    package var count: Int
    package var oldest: UTCTime
    package var error: String?
    /// The number of notifications that were given up.
    package var givenUp: Int
}
