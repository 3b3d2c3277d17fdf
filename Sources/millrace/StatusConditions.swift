import Arrivals
import Foundation
import Landing
import Ledger

/// What the daemon says of itself, as `status` shows it.
struct StatusConditions: Encodable {
    /// A condition with its facts as values, not as text.
    struct Shown: Encodable {
        let kind: String
        let pipeline: String
        let subject: String
        let text: String
        let facts: Card.Setting?
        let since: UTCTime

        init(_ condition: Condition) {
            kind = condition.key.kind.rawValue
            pipeline = condition.key.pipeline
            subject = condition.key.subject
            text = condition.text
            facts = condition.facts.flatMap { try? JSONDecoder().decode(Card.Setting.self, from: Data($0.utf8)) }
            since = condition.since
        }
    }

    private let all: [Condition]

    /// - Parameter isRunning: whether a daemon works on the root. Without one only what outlives it is so still.
    init(_ conditions: [Condition], isRunning: Bool) { all = conditions.filter { isRunning || $0.key.kind.outlivesDaemon } }

    func encode(to encoder: any Encoder) throws { try all.map(Shown.init).encode(to: encoder) }

    /// Empty: those of the whole daemon.
    func lines(of pipeline: String) -> [String] {
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
