import Dispatch

/// The sync of what was staged, which goes on on a thread of libdispatch while its owner waits for the disk elsewhere. It begins at once, and
/// the calling thread is free: the two waits of a round, for the files and for the ledger, take as long as the longer one.
final class BackgroundSync: @unchecked Sendable {
    /// Belongs to the thread of libdispatch until `over` is left, then to the owner.
    private var work: [RoundItem]
    private let over = DispatchGroup()

    init(of work: [RoundItem], _ durability: Durability) {
        self.work = work
        guard work.contains(where: \.isGood) else { return }
        DispatchQueue.global().async(group: over) { durability.makeDurable(&self.work) }
    }

    /// Waits until it is over, and hands out the outputs; one that could not be synced has its failure.
    func wait() -> [RoundItem] {
        over.wait()
        defer { work = [] }
        return work
    }
}
