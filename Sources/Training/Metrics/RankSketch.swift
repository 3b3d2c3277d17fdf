/// Computes the area under the ROC curve of scores that come one by one, in bounded memory. It is exact up to `capacity` different scores;
/// beyond that, neighbours are counted as ties, which changes the area by no more than the share of rows that one cell holds.
struct RankSketch {
    private struct Cell {
        var score: Float
        var positive: Double
        var negative: Double
    }

    private var cells: [Cell] = []
    private let capacity: Int

    init(capacity: Int = 1 << 17) { self.capacity = capacity }

    mutating func add(_ score: Float, isPositive: Bool, weight: Double) {
        guard weight > 0 else { return }
        cells.append(Cell(score: score, positive: isPositive ? weight : 0, negative: isPositive ? 0 : weight))
        if cells.count > 2 * capacity { compress() }
    }

    /// The area; `nil` where one of the two sides has no row.
    var area: Double? {
        var positive = 0.0, negative = 0.0, above = 0.0
        for cell in Self.merged(cells) {
            above += cell.positive * (negative + cell.negative / 2)
            positive += cell.positive
            negative += cell.negative
        }
        return positive > 0 && negative > 0 ? above / positive / negative : nil
    }

    private mutating func compress() {
        cells = Self.merged(cells)
        guard cells.count > capacity else { return }
        cells = stride(from: 0, to: cells.count, by: 2).map { index in
            var cell = cells[index]
            guard index + 1 < cells.count else { return cell }
            cell.positive += cells[index + 1].positive
            cell.negative += cells[index + 1].negative
            return cell
        }
    }

    /// Returns the rows by their score; rows with equal scores are one entry.
    private static func merged(_ cells: [Cell]) -> [Cell] {
        var merged: [Cell] = []
        for cell in cells.sorted(by: { $0.score < $1.score }) {
            if let last = merged.last, last.score == cell.score {
                merged[merged.count - 1].positive += cell.positive
                merged[merged.count - 1].negative += cell.negative
            } else {
                merged.append(cell)
            }
        }
        return merged
    }
}
