package import Arrivals
package import Ledger

/// One operation as a transaction of its own, which the product needs only in rounds.
extension RunLedger {
    package func arrive(_ files: [ArrivedFile], at time: UTCTime) throws(LedgerError) -> [ArrivalOutcome] {
        try write { (ledger) throws(LedgerError) in try ledger.arrive(files, at: time) }
    }

    package func refuse(_ files: [RefusedFile], at time: UTCTime) throws(LedgerError) -> [Int64] {
        try write { (ledger) throws(LedgerError) in try ledger.refuse(files, at: time) }
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

    package func append(_ events: [NewEvent], at time: UTCTime) throws(LedgerError) {
        try write { (ledger) throws(LedgerError) in try ledger.append(events, at: time) }
    }
}
