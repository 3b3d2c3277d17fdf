import Arrivals

/// Says how much work waits and who is there for it, at one moment.
package struct SupplyDemand: Sendable, Equatable {
    /// The number of attempts that wait for a place.
    package var waiting: Int
    /// The number of those of which nobody knows how long they take.
    package var unknown: Int
    /// The time that the others take together, one after another.
    package var expected: Duration
    /// The time for which the attempt waits that waits the longest.
    package var longestWait: Duration
    /// The number of attempts that all workers that are there execute at once, on this machine and on others.
    package var places: Int
    /// The number of places in which an attempt is executed.
    package var busy: Int
    /// The names that the workers on other machines said when they joined.
    package var joined: Set<String>

    package init(
        waiting: Int = 0, unknown: Int = 0, expected: Duration = .zero, longestWait: Duration = .zero, places: Int = 0, busy: Int = 0,
        joined: Set<String> = []
    ) {
        (self.waiting, self.unknown, self.expected, self.longestWait) = (waiting, unknown, expected, longestWait)
        (self.places, self.busy, self.joined) = (places, busy, joined)
    }

    /// The work that waits, in seconds for one place. An attempt of unknown length counts for as long as one has waited already, so that
    /// more is asked for the longer the work turns out to be.
    var seconds: Double { expected.seconds + Double(unknown) * max(longestWait.seconds, 1) }
}

/// Tells how the supply of workers is doing.
package struct SupplyStatus: Sendable, Equatable {
    /// The number of its workers that are connected.
    package var joined = 0
    /// The number of its workers that run, or are said to, and have not joined.
    package var starting = 0
    /// The number of workers that wait in the scheduler's queue.
    package var queued = 0
    /// Why one of these waits, in the scheduler's words; empty where it does not say.
    package var note = ""
    /// Why no worker could be had at the last try; nil where nothing is wrong.
    package var fault: String?
    /// The time until the next try.
    package var retry: Duration?

    package init() {}
}

extension SupplyStatus: CustomStringConvertible {
    package var description: String {
        var parts = ["\(joined) joined"]
        if starting > 0 { parts.append("\(starting) starting") }
        if queued > 0 { parts.append("\(queued) in the queue" + (note.isEmpty ? "" : " (\(note))")) }
        let counts = parts.joined(separator: ", ")
        guard let fault else { return counts }
        return counts + "; " + fault + (retry.map { "; next try in \(Int($0.seconds.rounded(.up))) s" } ?? "")
    }
}
