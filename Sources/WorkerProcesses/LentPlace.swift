import Attempts
import Foundation
import Synchronization

/// Lends an attempt's place among the workers to others while the attempt goes on: it was told to pause and does not hear it, since it
/// loads a model or is in one long batch. So a pipeline whose attempts never pause keeps no other one waiting.
final class LentPlace: Sendable {
    private let turn: any AttemptTurn
    private let hasReturned = Mutex(false)

    /// Gives the place away until others have had their turn.
    init(_ turn: any AttemptTurn) {
        self.turn = turn
        let thread = Thread { [self] in
            turn.pause()
            hasReturned.withLock { $0 = true }
        }
        thread.name = "lent"
        thread.start()
    }

    /// Tells whether others have had their turn.
    var isBack: Bool { hasReturned.withLock { $0 } }

    /// Waits until others have had their turn, or until `isEnded` says that the attempt is to end.
    func wait(until isEnded: () -> Bool) {
        while !isBack {
            if isEnded() { return end() }
            usleep(1000)
        }
    }

    /// Ends the wait for others at once. The thread may not have begun to wait.
    func end() {
        while !isBack {
            turn.goOn()
            usleep(1000)
        }
    }
}
