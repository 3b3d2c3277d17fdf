import Engine
import Tensors
import TrainingGraph

/// Computes the sums over the shares of batches.
final class SharedBatches {
    private let machine: ShareMachine
    /// The number of shares of a batch.
    let count: Int

    init(_ machine: ShareMachine, count: Int) {
        self.machine = machine
        self.count = count
    }

    /// - Parameters:
    ///   - values: the inputs that are the same for all shares.
    ///   - feeds: returns the inputs of a share with these rows.
    /// - Returns: the sums, by the inputs of the step that take them.
    func totals(
        _ batch: RowBatch, _ values: [String: Tensor], feeds: (Int, RowBatch) -> [(name: String, tensor: Tensor)],
        _ cancellation: Cancellation?
    ) throws(TrainingError) -> [(name: String, tensor: Tensor)] {
        machine.begin()
        let parts = Self.rows(of: batch.rowCount, count).map { rows in
            rows.isEmpty ? nil : batch.part(rows)
        }
        let given = parts.enumerated().map { share, part in
            Dictionary(part.map { feeds(share, $0) } ?? [], uniquingKeysWith: { first, _ in first })
        }
        var totals: [String: Tensor] = [:]
        for (number, phase) in machine.graph.phases.enumerated() {
            var sums = ShareSums()
            for share in parts.indices where parts[share] != nil {
                sums.add(
                    try machine.run(number, of: share, given: { given[share][$0] ?? totals[$0] ?? values[$0] }, cancellation))
            }
            for (sum, tensor) in zip(phase.sums, sums.tensors) { totals[sum.total] = tensor }
        }
        return totals.map { ($0.key, $0.value) }
    }

    /// Returns the rows of each share of a batch: as many of each, and one more of the first ones where that does not come out even. A batch
    /// of fewer rows than shares leaves the last shares without any.
    static func rows(of batch: Int, _ shares: Int) -> [Range<Int>] {
        var start = 0
        return (0..<shares).map { share in
            defer { start += batch / shares + (share < batch % shares ? 1 : 0) }
            return start..<start + batch / shares + (share < batch % shares ? 1 : 0)
        }
    }
}
