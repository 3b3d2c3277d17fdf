import Ledger
import Logging

extension PipelineDaemon {
    /// Answers the commands of users in the daemon's group. It returns nil where that cannot be done; then only the daemon's user can use
    /// them.
    func serve() -> LedgerServer? {
        do throws(LedgerError) {
            return try LedgerServer(stateDirectory: options.stateDirectory, ledger: ledger, holder: lock.holder)
        } catch {
            log.warning("commands work for the daemon's user only", metadata: ["reason": "\(error)"])
            return nil
        }
    }
}
