import Engine
import Tensors
import TrainingGraph

/// Computes the sums over the shares of batches, together with those who help.
final class SharedBatches {
    private let machine: ShareMachine
    /// The number of shares of a batch.
    let count: Int
    /// Those who help; nil where nobody can.
    var crew: ShareCrew?

    /// The number of shares that others have computed.
    private(set) var helped = 0

    /// The number of the one who trains among those who compute shares.
    private static let trainer = 0

    init(_ machine: ShareMachine, count: Int) {
        self.machine = machine
        self.count = count
    }

    /// - Parameters:
    ///   - number: the number of the batch from the beginning.
    ///   - parameters: the trained values, in the order of the slots.
    ///   - values: the inputs that are the same for all shares.
    ///   - feeds: returns the inputs of a share with these rows.
    ///   - check: throws where the run is cancelled.
    /// - Returns: the sums, by the inputs of the step that take them.
    func totals(
        _ batch: RowBatch, number: Int, parameters: [Tensor], _ values: [String: Tensor],
        feeds: (Int, RowBatch) -> [(name: String, tensor: Tensor)], _ cancellation: Cancellation?
    ) throws(TrainingError) -> [(name: String, tensor: Tensor)] {
        let parts = Self.rows(of: batch.rowCount, count).map { rows in rows.isEmpty ? nil : batch.part(rows) }
        let given = parts.enumerated().map { share, part in
            Dictionary(part.map { feeds(share, $0) } ?? [], uniquingKeysWith: { first, _ in first })
        }
        var shared = SharedBatch(number: number, parameters: parameters)
        while true {
            let totals = try totals(
                &shared, parts.indices.filter { parts[$0] != nil },
                given: { share, totals, name in given[share][name] ?? totals[name] ?? values[name] }, cancellation)
            if let totals { return totals.map { ($0.key, $0.value) } }
            shared.attempt += 1
            shared.totals = []
        }
    }

    /// Returns nil where the batch must begin again.
    private func totals(
        _ batch: inout SharedBatch, _ shares: [Int], given: @escaping (Int, [String: Tensor], String) -> Tensor?,
        _ cancellation: Cancellation?
    ) throws(TrainingError) -> [String: Tensor]? {
        machine.begin()
        let lanes = crew?.ready() ?? []
        var totals: [String: Tensor] = [:]
        var owners: [Int: Int] = [:]
        for (number, phase) in machine.graph.phases.enumerated() {
            let round = ShareRound(batch, phase: number, of: machine.graph.phases.count, shares: shares, owners: owners)
            for lane in lanes { lane.put(round) }
            do throws(TrainingError) {
                let look = { () throws(TrainingError) in if cancellation?.isCancelled ?? false { throw TrainingError.cancelled } }
                while let share = try round.take(Self.trainer, look) {
                    round.put(share, try machine.run(number, of: share, given: { given(share, totals, $0) }, cancellation))
                }
            } catch {
                // The parameters are in memory that the next step writes.
                round.abandon()
                crew?.dismiss()
                throw error
            }
            guard let outcome = round.outcome else { return nil }
            owners = outcome.owners
            for (sum, tensor) in zip(phase.sums, outcome.sums) { totals[sum.total] = tensor }
            batch.totals.append(phase.passedOn.compactMap { totals[$0.total] })
        }
        helped += owners.values.count { $0 != Self.trainer }
        return totals
    }

    /// Returns the rows of each share of a batch: as many of each, and one more of the first ones where that does not come out even. A
    /// batch of fewer rows than shares leaves the last shares without any.
    static func rows(of batch: Int, _ shares: Int) -> [Range<Int>] {
        var start = 0
        return (0..<shares).map { share in
            defer { start += batch / shares + (share < batch % shares ? 1 : 0) }
            return start..<start + batch / shares + (share < batch % shares ? 1 : 0)
        }
    }
}
