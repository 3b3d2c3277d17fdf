/// Says how much work waits for a place among the workers, at one moment.
package struct WorkDemand: Sendable, Equatable {
    /// The number of attempts that could begin if there were a place for them.
    package var waiting = 0
    /// The number of those of which nobody knows how long they take.
    package var unknown = 0
    /// The seconds that the others take together, one after another.
    package var seconds = 0.0
    /// The seconds for which attempts have been waiting without a break.
    package var waited = 0.0
    /// The number of places in which an attempt is executed.
    package var busy = 0

    package init() {}

    /// Counts one more attempt.
    /// - Parameter seconds: the time that it takes; nil where that is not known.
    package mutating func add(_ seconds: Double?) {
        waiting += 1
        if let seconds { self.seconds += seconds } else { unknown += 1 }
    }
}

/// Tells of a worker on another machine, or of who starts such workers, for `status`.
package struct WorkerNews: Codable, Sendable, Hashable {
    /// The subject, which tells it from others and stays the same.
    package var subject: String
    /// The news, in words for people.
    package var text: String

    package init(subject: String, text: String) {
        self.subject = subject
        self.text = text
    }
}
