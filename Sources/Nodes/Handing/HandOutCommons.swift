import Synchronization

/// Holds what the hand-outs of one executor have in common.
struct HandOutCommons: Sendable {
    let ranges = SharedRanges()
    let spares = SpareFolders()
    let pace = LookPace()
}

/// Says how often each of those who follow a hand-out looks whether it is to end or to pause: where they are many, all together look 2,000
/// times a second, since a thousand threads that woke every 50 ms would take more of the processor than all else that the daemon does.
final class LookPace: Sendable {
    private let followers = Atomic(0)

    /// The least time between two looks.
    private static let least: Duration = .milliseconds(50)
    private static let share: Duration = .microseconds(500)

    /// The time between two looks.
    var tick: Duration { max(Self.least, Self.share * followers.load(ordering: .relaxed)) }

    /// Counts a follower while `body` runs.
    func follow<Result>(_ body: () -> Result) -> Result {
        _ = followers.add(1, ordering: .relaxed)
        defer { _ = followers.subtract(1, ordering: .relaxed) }
        return body()
    }
}
