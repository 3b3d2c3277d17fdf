import Arrivals
import Glibc

/// Lets a daemon wait, with growing pauses between its attempts, while the machine does not let the ledger be written. Commands do not
/// wait: they say at once what is wrong.
package struct LedgerPatience: Sendable {
    package enum News: Sendable {
        /// The first attempt has failed, and the daemon waits.
        case waiting(LedgerError)
        /// The ledger can be written again, after this time.
        case goesOn(after: Duration)
    }

    /// Returns whether waiting makes no sense any longer, since the daemon is to stop.
    let isOver: @Sendable () -> Bool
    let tell: @Sendable (News) -> Void

    package init(isOver: @escaping @Sendable () -> Bool, tell: @escaping @Sendable (News) -> Void) {
        self.isOver = isOver
        self.tell = tell
    }

    /// Runs `body` until it succeeds, fails in a way that waiting does not cure, or fails when waiting is over.
    func wait<T>(_ body: () throws(LedgerError) -> T) throws(LedgerError) -> T {
        let start = ContinuousClock.now
        var pauses = GrowingPauses()
        while true {
            do throws(LedgerError) {
                let result = try body()
                if pauses.count > 0 { tell(.goesOn(after: ContinuousClock.now - start)) }
                return result
            } catch {
                guard error.mayPass, !isOver() else { throw error }
                if pauses.count == 0 { tell(.waiting(error)) }
                let end = ContinuousClock.now + pauses.next()
                while ContinuousClock.now < end, !isOver() { usleep(50_000) }
            }
        }
    }
}

extension LedgerError {
    /// Tells whether the error is a fault of the machine that goes away by itself, or when somebody mends the machine: another process
    /// holds the ledger, or its disk is full, read-only or fails.
    package var mayPass: Bool {
        switch self {
        case .busy, .noSpace, .readOnly: true
        case .sqlite(_, _, let code, _): Self.passingCodes.contains(code & 0xFF)
        default: false
        }
    }

    /// The codes of SQLITE_NOMEM, SQLITE_IOERR and SQLITE_PROTOCOL (a lock that could not be taken).
    private static let passingCodes: Set<Int32> = [7, 10, 15]
}
