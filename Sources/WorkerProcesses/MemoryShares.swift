import Attempts
import Synchronization

/// Counts by how much the attempts that run have grown the memory of their processes, and decides which one is ended where that is too
/// much.
final class MemoryShares: Sendable {
    enum Excess: Hashable {
        /// The attempt alone has more than its own limit.
        case own
        /// All together have more than there is for them, and this one has most.
        case most
    }

    /// The bytes that all attempts together may take.
    let allowance: Int
    private let grown = Mutex<[UInt64: Int]>([:])

    init(allowance: Int = AttemptSpec.Limits.standardMemory) { self.allowance = allowance }

    /// Notes how much an attempt has grown its process. Returns why it is to be ended; nil where it may go on.
    /// - Parameters:
    ///   - attempt: the number that tells attempts apart.
    ///   - limit: the attempt's own limit, in bytes.
    func note(_ bytes: Int, of attempt: UInt64, limit: Int) -> Excess? {
        grown.withLock { grown in
            grown[attempt] = bytes
            if bytes > limit { return .own }
            guard grown.count > 1, grown.values.reduce(0, +) > allowance, grown.values.max() == bytes else { return nil }
            return .most
        }
    }

    func forget(_ attempt: UInt64) { grown.withLock { $0[attempt] = nil } }
}
