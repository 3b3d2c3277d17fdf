import Arrivals
import Ledger

/// When something that the machine did not allow is tried again: later each time.
struct Postponement {
    let due: UTCTime
    private var pauses: GrowingPauses

    /// - Parameter former: the one before, where it was postponed before.
    init(at now: UTCTime, after former: Postponement?) {
        pauses = former?.pauses ?? GrowingPauses()
        due = now.advanced(by: pauses.next())
    }
}
