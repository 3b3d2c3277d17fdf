import Synchronization

/// Counts the attempts that run at once on one machine.
final class Places: Sendable {
    let count: Int
    private let taken = Mutex(0)

    init(_ count: Int) { self.count = count }

    /// Takes a place, and returns whether there was one.
    func take() -> Bool {
        taken.withLock { taken in
            guard taken < count else { return false }
            taken += 1
            return true
        }
    }

    func giveBack() { taken.withLock { $0 -= 1 } }
}
