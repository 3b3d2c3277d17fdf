package import Arrivals
package import Reasons

/// Offers operations as transactions of their own. For a round of many files, one `write` is cheaper.
extension RunLedger {
    package func withdraw(_ arrivals: [Int64], because explanation: Explanation) throws(LedgerError) {
        try write { (ledger) throws(LedgerError) in try ledger.withdraw(arrivals, because: explanation) }
    }

    /// Applies a request and answers it, in one transaction: for the daemon, or for a command that found no daemon and took its lock.
    package func answer(_ pending: PendingRequest, at time: UTCTime, inputs: InputLookup? = nil) throws(LedgerError) -> RequestOutcome {
        try write { (ledger) throws(LedgerError) in
            let outcome = try ledger.apply(pending.request, by: "request \(pending.id)", at: time, inputs: inputs)
            try ledger.answer(pending.id, outcome, at: time)
            return outcome
        }
    }
}
