package import Arrivals

/// One operation as a transaction of its own. A round of many files is cheaper in one `write`.
extension RunLedger {
    package func arrive(_ files: [ArrivingFile], at time: UTCTime) throws(LedgerError) -> [ArrivalOutcome] {
        try write { (ledger) throws(LedgerError) in try ledger.arrive(files, at: time) }
    }

    package func refuse(_ files: [RefusedFile], at time: UTCTime) throws(LedgerError) -> [Int64] {
        try write { (ledger) throws(LedgerError) in try ledger.refuse(files, at: time) }
    }

    package func withdraw(_ arrivals: [Int64], because explanation: Explanation) throws(LedgerError) {
        try write { (ledger) throws(LedgerError) in try ledger.withdraw(arrivals, because: explanation) }
    }

    package func open(_ openings: [RunOpening], at time: UTCTime) throws(LedgerError) -> [OpenOutcome] {
        try write { (ledger) throws(LedgerError) in try ledger.open(openings, at: time) }
    }

    package func intend(_ intentions: [Intention]) throws(LedgerError) -> [IntentionOutcome] {
        try write { (ledger) throws(LedgerError) in try ledger.intend(intentions) }
    }

    package func close(_ closings: [RunClosing], at time: UTCTime) throws(LedgerError) {
        try write { (ledger) throws(LedgerError) in try ledger.close(closings, at: time) }
    }

    package func attemptFailed(_ failures: [FailedAttempt], at time: UTCTime) throws(LedgerError) {
        try write { (ledger) throws(LedgerError) in try ledger.attemptFailed(failures, at: time) }
    }

    package func interrupted(_ runs: [Int64], at time: UTCTime) throws(LedgerError) {
        try write { (ledger) throws(LedgerError) in try ledger.interrupted(runs, at: time) }
    }

    package func activate(pipeline: String, version: Int, cause: String, at time: UTCTime) throws(LedgerError) -> VersionActivation {
        try write { (ledger) throws(LedgerError) in
            try ledger.activate(pipeline: pipeline, version: version, cause: cause, at: time)
        }
    }

    package func prune(pipeline: String, keep: Int, at time: UTCTime) throws(LedgerError) -> [Int] {
        try write { (ledger) throws(LedgerError) in try ledger.prune(pipeline: pipeline, keep: keep, at: time) }
    }

    package func rememberDigest(_ digest: String, of stamp: FileStamp) throws(LedgerError) {
        try write { (ledger) throws(LedgerError) in try ledger.rememberDigest(digest, of: stamp) }
    }

    package func append(_ events: [NewEvent], at time: UTCTime) throws(LedgerError) {
        try write { (ledger) throws(LedgerError) in try ledger.append(events, at: time) }
    }

    /// Applies and answers, in one transaction: for the daemon, or for a command that found no daemon and took its lock.
    package func answer(_ pending: PendingRequest, at time: UTCTime, inputs: InputLookup? = nil) throws(LedgerError) -> RequestOutcome {
        try write { (ledger) throws(LedgerError) in
            let outcome = try ledger.apply(pending.request, by: "request \(pending.id)", at: time, inputs: inputs)
            try ledger.answer(pending.id, outcome, at: time)
            return outcome
        }
    }
}
