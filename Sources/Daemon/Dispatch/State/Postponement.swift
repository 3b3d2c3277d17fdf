import Arrivals
import Ledger

/// Tells when something that the machine did not allow is tried again; the pauses grow from one try to the next.
struct Postponement {
    let due: UTCTime
    private var pauses: GrowingPauses

    /// - Parameter former: the postponement before this one; nil at the first.
    init(at now: UTCTime, after former: Postponement?) {
        pauses = former?.pauses ?? GrowingPauses()
        due = now.advanced(by: pauses.next())
    }
}
