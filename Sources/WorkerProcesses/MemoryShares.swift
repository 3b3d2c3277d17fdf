import Attempts
import Synchronization

/// By how much the attempts that run have grown the memory of their processes, and which of them is ended where that is too much in all.
final class MemoryShares: Sendable {
    enum Excess: Hashable {
        /// The attempt alone has more than its own limit.
        case own
        /// All together have more than there is for them, and this one has most.
        case most
    }

    /// What all attempts together may take, in bytes.
    let allowance: Int
    private let grown = Mutex<[UInt64: Int]>([:])

    init(allowance: Int = AttemptSpec.Limits.standardMemory) { self.allowance = allowance }

    /// Notes how much an attempt has grown its process. Returns why it is to be ended; nil where it may go on.
    /// - Parameters:
    ///   - attempt: tells attempts apart.
    ///   - limit: the attempt's own.
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
