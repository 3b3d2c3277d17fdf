/// How long, or how much of, what is not needed any more is kept. Nil: for ever.
package struct Retain: Sendable, Equatable {
    package enum Limit: Sendable, Equatable {
        case age(Duration)
        case bytes(Int)
    }

    /// Inputs that `after: archive` moved.
    package internal(set) var archive: Limit?
    /// Inputs in quarantine, and their reasons.
    package internal(set) var quarantine: Limit?
    /// What the ledger knows of arrivals that are gone.
    package internal(set) var history: Duration?
    /// Labelled rows that trainings learn from.
    package internal(set) var labels: Limit?

    package init() {}
}
