/// Gives the pauses between attempts: each is twice as long as the one before, up to a longest. By default, which is for errors of the
/// machine, they grow from 1 s to a minute.
package struct GrowingPauses: Sendable, Hashable {
    package private(set) var count = 0
    private let first: Duration
    private let longest: Duration

    package init(first: Duration = .seconds(1), longest: Duration = .seconds(60)) {
        self.first = first
        self.longest = longest
    }

    package mutating func next() -> Duration {
        defer { count += 1 }
        return pause(after: count)
    }

    /// Returns the pause that follows after `number` pauses before it.
    package func pause(after number: Int) -> Duration { min(first * (1 << min(max(number, 0), 20)), longest) }
}
