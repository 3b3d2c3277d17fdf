package import Arrivals
import Names

/// Describes something that only the daemon's process knows, for `status`: one row of the table `conditions`. The daemon replaces the
/// condition of one subject, and removes it when it does not hold any more.
package struct Condition: Hashable, Codable, Sendable {
    /// Identifies a condition. Two conditions of one kind, pipeline and subject replace each other.
    package struct Key: Hashable, Codable, Sendable, Comparable {
        package var kind: Kind
        /// The name of the pipeline; empty where it is about the whole daemon.
        package var pipeline: String
        /// The thing that it is about, such as a path, a role or a run.
        package var subject: String

        package init(_ kind: Kind, pipeline: String = "", subject: String = "") {
            self.kind = kind
            self.pipeline = pipeline
            self.subject = subject
        }

        package static func == (one: Key, other: Key) -> Bool {
            one.kind == other.kind && one.pipeline == other.pipeline && one.subject.isName(other.subject)
        }

        package func hash(into hasher: inout Hasher) {
            hasher.combine(kind)
            hasher.combine(pipeline)
            hasher.combine(Name(subject))
        }

        package static func < (one: Key, other: Key) -> Bool {
            (one.pipeline, one.kind.rawValue, Name(one.subject)) < (other.pipeline, other.kind.rawValue, Name(other.subject))
        }
    }

    /// A kind of condition. A newer daemon may write kinds that this build does not know.
    package struct Kind: RawRepresentable, Hashable, Codable, Sendable {
        package let rawValue: String

        package init(rawValue: String) { self.rawValue = rawValue }

        /// Files of a spool are taken by nothing.
        package static let ignored = Kind(rawValue: "ignored")
        /// A spool, or a folder in it, cannot be watched.
        package static let unwatched = Kind(rawValue: "unwatched")
        /// A large file is being read before it is numbered.
        package static let hashing = Kind(rawValue: "hashing")
        /// A file cannot be read because of the machine.
        package static let unreadable = Kind(rawValue: "unreadable")
        /// A training goes on.
        package static let training = Kind(rawValue: "training")
        /// A worker on another machine, or who starts such workers.
        package static let worker = Kind(rawValue: "worker")

        /// Tells whether the condition still holds when no daemon runs.
        package var outlivesDaemon: Bool { self == .ignored }
    }

    package var key: Key
    /// The text for people.
    package var text: String
    /// The facts for programs, as JSON.
    package var facts: String?
    package var since: UTCTime

    package init(_ key: Key, text: String, facts: String? = nil, since: UTCTime) {
        self.key = key
        self.text = text
        self.facts = facts
        self.since = since
    }
}
