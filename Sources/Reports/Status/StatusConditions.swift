import Arrivals
import FileSystem
import Foundation
package import Ledger

/// Holds what the daemon says of itself, as `status` shows it.
package struct StatusConditions: Encodable, Sendable {
    /// Holds a condition with its facts as values, not as text.
    private struct Shown: Encodable {
        let kind: String
        let pipeline: String
        let subject: String
        let text: String
        let facts: JSONValue?
        let since: UTCTime

        init(_ condition: Condition) {
            kind = condition.key.kind.rawValue
            pipeline = condition.key.pipeline
            subject = condition.key.subject
            text = condition.text
            facts = condition.facts.flatMap { try? JSONDecoder().decode(JSONValue.self, from: Data($0.utf8)) }
            since = condition.since
        }
    }

    private let all: [Condition]

    /// - Parameter isRunning: whether a daemon works on the root. Without one, only conditions that outlive it are shown.
    package init(_ conditions: [Condition], isRunning: Bool) { all = conditions.filter { isRunning || $0.key.kind.outlivesDaemon } }

    package func encode(to encoder: any Encoder) throws { try all.map(Shown.init).encode(to: encoder) }

    /// Returns a line for each condition of a pipeline, or where `pipeline` is empty for those of the whole daemon.
    package func lines(of pipeline: String) -> [Printed] {
        all.filter { $0.key.pipeline == pipeline }.map { condition in
            switch condition.key.kind {
            case .ignored: "ignored: \(condition.text)"
            case .unwatched: "cannot be watched: \(condition.text)"
            case .hashing: "being read: \(condition.key.subject): \(condition.text)"
            case .unreadable: "cannot be read: \(condition.text)"
            case .training: "training, \(condition.key.subject), on \(condition.text)"
            default:
                "\(condition.key.kind.rawValue): \([condition.key.subject, condition.text].filter { !$0.isEmpty }.joined(separator: ": "))"
            }
        }
    }
}
