/// Says how long, or how many of, the files and records are kept that are not needed any more. Nil keeps them for ever.
package struct Retain: Sendable, Equatable {
    package enum Limit: Sendable, Equatable {
        case age(Duration)
        case bytes(Int)
    }

    /// The limit for inputs that `after: archive` moved.
    package internal(set) var archive: Limit?
    /// The limit for inputs in quarantine, and their reasons.
    package internal(set) var quarantine: Limit?
    /// The time for the ledger's records of arrivals that are gone.
    package internal(set) var history: Duration?
    /// The limit for labelled rows that trainings learn from.
    package internal(set) var labels: Limit?

    package init() {}
}
