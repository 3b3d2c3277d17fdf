package import Arrivals
package import Reasons

package enum VersionVerdict: String, Codable, Sendable {
    /// A number is reserved, and the files may be about to appear.
    case intended
    case published, rejected
}

package struct ModelVersion: Hashable, Codable, Sendable {
    package var pipeline: String
    /// The version number; nil for a version that was rejected.
    package var version: Int?
    package var arrival: Int64
    package var run: Int64
    /// The digest of the model as published.
    package var modelDigest: String?
    /// The digest of the content that arrived.
    package var sourceDigest: String?
    package var parent: Int?
    /// The digest of the float model that it was trained from.
    package var parentDigest: String?
    /// The digest of the float model that the next training starts from, kept in the state folder; nil where there is none.
    package var floatDigest: String?
    /// The record of its training; nil where nothing was trained.
    package var training: TrainingRecord?
    package var verdict: VersionVerdict
    /// The reason of a rejection, without the values of cells.
    package var reason: String?
    /// The values of the cells that the reason is about; nil where it is about none, or where they are hidden.
    package var cells: CellValues?
    /// The path of its card.
    package var card: String?
    package var decidedAt: UTCTime?
    package var isActive: Bool
    package var isPruned: Bool
    /// Tells whether it stays in force until it is unpinned.
    package var isPinned: Bool

    /// The reason, with the values of cells unless they are hidden.
    package var fullReason: Reason? { reason.map { Reason($0, cells: cells) } }
}

/// Puts `version` in force for arrivals numbered above `position`. A later activation at the same position overrules an earlier one.
package struct VersionActivation: Hashable, Codable, Sendable {
    package var position: Int64
    package var version: Int
    package var at: UTCTime
    /// The cause: `published`, `restored`, or the request that asked for it.
    package var cause: String
}
