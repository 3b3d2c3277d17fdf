import Arrivals
import Attempts
import Ledger

extension Dispatcher {
    /// Returns how much could begin if there were places for it, without what the workers have in hand.
    func demand(at now: UTCTime) -> WorkDemand {
        var demand = WorkDemand()
        for (pipeline, arrival) in scheduler.ready(now: now.scheduling) {
            guard let waiting = window[arrival] else { continue }
            demand.add(waiting.file.role == .data ? history.seconds(for: waiting.file.stamp.size, in: pipeline) : nil)
        }
        return demand
    }
}
