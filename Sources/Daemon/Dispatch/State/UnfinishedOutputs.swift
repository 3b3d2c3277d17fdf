import Arrivals
import Attempts
import Landing
import Ledger

/// Holds outputs that have their final name, while the machine does not let their folder be synced or their manifest be written.
///
/// An output that has its final name is finished and never made again: those who read the folder may have it, and new content of the input,
/// which may be bad, would leave it in no manifest. Its run stays open as one in progress, which the next daemon recovers.
final class UnfinishedOutputs {
    struct Item {
        let assignment: Dispatcher.Assignment
        let result: AttemptResult
        let output: StagedOutput
        let due: UTCTime
    }

    /// The outputs of this process, by run.
    private var items: [Int64: Item] = [:]
    /// The time at which the recovery of what an earlier process left is tried again; nil where nothing is left.
    private var recovery: Postponement?

    func add(_ item: Item) { items[item.assignment.run.number] = item }

    func contains(_ run: Int64) -> Bool { items[run] != nil }

    /// Removes and returns the outputs that are due, in the order of their runs.
    func takeDue(at now: UTCTime) -> [Item] {
        guard !items.isEmpty else { return [] }
        let due = items.filter { $0.value.due <= now }.sorted { $0.key < $1.key }.map(\.value)
        for item in due { items[item.assignment.run.number] = nil }
        return due
    }

    /// Notes how a recovery has ended.
    /// - Parameter isLeft: whether some of it has to wait for the machine.
    func recovered(at now: UTCTime, isLeft: Bool) { recovery = isLeft ? Postponement(at: now, after: recovery) : nil }

    func isRecoveryDue(at now: UTCTime) -> Bool { recovery.map { $0.due <= now } ?? false }

    /// The times at which something is to be tried again.
    var due: [UTCTime] { items.values.map(\.due) + [recovery?.due].compactMap(\.self) }
}
