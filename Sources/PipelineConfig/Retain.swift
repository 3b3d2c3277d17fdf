/// The time for which, or the number of which, data is kept that is not needed any more. Nil: for ever.
package struct Retain: Sendable, Equatable {
    package enum Limit: Sendable, Equatable {
        case age(Duration)
        case bytes(Int)
    }

    /// Inputs that `after: archive` moved.
    package internal(set) var archive: Limit?
    /// Inputs in quarantine, and their reasons.
    package internal(set) var quarantine: Limit?
    /// The ledger's records of arrivals that are gone.
    package internal(set) var history: Duration?
    /// Labelled rows that trainings learn from.
    package internal(set) var labels: Limit?

    package init() {}
}
