package import Attempts

/// The place of an attempt among the workers, which can have other workers help.
package protocol WorkerTurn: AttemptTurn {
    /// Has workers for whom nothing waits do pieces of the attempt's work, one at a time, until the attempt ends.
    /// - Parameters:
    ///   - open: the number of pieces that nobody has begun; zero ends the offer.
    ///   - piece: does one piece on a worker's thread, and returns whether there was one. Only that of the first call counts.
    func offer(_ open: Int, _ piece: @escaping @Sendable () -> Bool)
}
