package import Attempts
import Synchronization

/// Keeps how much work waits, for the thread that has workers started.
package final class DemandBoard: Sendable {
    private let last = Mutex(WorkDemand())

    package init() {}

    package internal(set) var demand: WorkDemand {
        get { last.withLock { $0 } }
        set { last.withLock { $0 = newValue } }
    }
}
