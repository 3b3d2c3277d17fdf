package import Arrivals
package import Reasons

package enum VersionVerdict: String, Codable, Sendable {
    /// A number is reserved and the files may be under way.
    case intended
    case published, rejected
}

package struct ModelVersion: Hashable, Codable, Sendable {
    package var pipeline: String
    /// Nil for what was rejected.
    package var version: Int?
    package var arrival: Int64
    package var run: Int64
    /// Of the model as published.
    package var modelDigest: String?
    /// Of the content that arrived.
    package var sourceDigest: String?
    package var parent: Int?
    /// Of the float model that it was trained from.
    package var parentDigest: String?
    /// Of the float model that the next training starts from, kept in the state folder; nil where none is.
    package var floatDigest: String?
    /// Nil where nothing was trained.
    package var training: TrainingRecord?
    package var verdict: VersionVerdict
    /// Without what cells of a table hold.
    package var reason: String?
    /// The values of the cells that the reason is about. Nil where it is about none, or where they are hidden.
    package var cells: CellValues?
    /// Where its card is.
    package var card: String?
    package var decidedAt: UTCTime?
    package var isActive: Bool
    package var isPruned: Bool
    /// It stays in force until it is unpinned.
    package var isPinned: Bool

    /// The reason, with what cells hold where that is told.
    package var whole: Reason? { reason.map { Reason($0, cells: cells) } }
}

/// `version` is in force for arrivals numbered above `position`. A later entry at the same position overrules an earlier one.
package struct VersionActivation: Hashable, Codable, Sendable {
    package var position: Int64
    package var version: Int
    package var at: UTCTime
    /// `published`, or who asked for it.
    package var cause: String
}
