import Dispatch

/// Syncs what was staged on a thread of libdispatch, while its owner waits for the disk elsewhere. It begins at once and leaves the calling
/// thread free: the two waits of a round, for the files and for the ledger, together take as long as the longer one.
final class BackgroundSync: @unchecked Sendable {
    /// The outputs. They belong to the thread of libdispatch until `over` is left, then to the owner.
    private var work: [RoundItem]
    private let over = DispatchGroup()

    init(of work: [RoundItem], _ durability: Durability) {
        self.work = work
        guard work.contains(where: \.isGood) else { return }
        DispatchQueue.global().async(group: over) { durability.makeDurable(&self.work) }
    }

    /// Waits until the sync has ended, and returns the outputs; an output that could not be synced has its failure.
    func wait() -> [RoundItem] {
        over.wait()
        defer { work = [] }
        return work
    }
}
