import Foundation

func logarithm(_ value: Double) -> Double { Foundation.log(value) }
func exponential(_ value: Double) -> Double { Foundation.exp(value) }

/// Counts for the metrics of answers that are classes. For yes-or-no answers, each column has two classes of its own.
struct ClassCounts {
    private struct Cell {
        var truePositive = 0.0, falsePositive = 0.0, falseNegative = 0.0
    }

    private(set) var total = 0.0
    private(set) var right = 0.0
    private(set) var logLoss = 0.0
    private var cells: [Cell] = []
    private var ranks: [RankSketch] = []
    private var seen: [Bool] = []

    /// The smallest probability that `logLoss` counts with.
    private static let leastLogarithm = Foundation.log(1e-15)

    /// - Parameters:
    ///   - logs: the logarithms of the classes' probabilities.
    ///   - shares: the label, where it is no single class.
    mutating func add(logs: [Double], label: Int?, shares: [Double], weight: Double, ranks isRanked: Bool) {
        let count = logs.count
        if cells.isEmpty { prepare(count, isRanked) }
        let answer = logs.indices.max { logs[$0] < logs[$1] } ?? 0
        let truth = label ?? shares.indices.max { shares[$0] < shares[$1] } ?? 0
        total += weight
        seen[truth] = true
        if answer == truth {
            right += weight
            cells[truth].truePositive += weight
        } else {
            cells[answer].falsePositive += weight
            cells[truth].falseNegative += weight
        }
        if let label {
            logLoss -= weight * max(logs[label], Self.leastLogarithm)
        } else {
            for index in 0..<count where shares[index] > 0 { logLoss -= weight * shares[index] * max(logs[index], Self.leastLogarithm) }
        }
        guard isRanked else { return }
        for index in 0..<count { ranks[index].add(Float(logs[index]), isPositive: index == truth, weight: weight) }
    }

    /// Adds one element of an output of yes and no. With a single column both answers are classes; with several, the yes of each column is
    /// a class.
    mutating func add(
        score: Float, isYes: Bool, label: Double, column: Int, of columns: Int, weight: Double, form: Prediction.Scores,
        ranks isRanked: Bool
    ) {
        if cells.isEmpty {
            prepare(columns, isRanked)
            if columns == 1 { cells.append(Cell()) }
            seen = [false, false]
        }
        let answersYes = form == .logits ? score > 0 : score > 0.5
        total += weight
        seen[isYes ? 1 : 0] = true
        if answersYes == isYes { right += weight }
        count(cell: column, answer: answersYes, truth: isYes, weight)
        if columns == 1 { count(cell: 1, answer: !answersYes, truth: !isYes, weight) }
        let (yes, no) = Self.logarithms(Double(score), form)
        logLoss -= weight * (label * max(yes, Self.leastLogarithm) + (1 - label) * max(no, Self.leastLogarithm))
        if isRanked { ranks[column].add(score, isPositive: isYes, weight: weight) }
    }

    var distinctLabels: Int { seen.count(where: \.self) }

    var macroF1: Double {
        let scores: [Double] = cells.compactMap { cell in
            let sum = 2 * cell.truePositive + cell.falsePositive + cell.falseNegative
            return sum > 0 ? 2 * cell.truePositive / sum : nil
        }
        return scores.isEmpty ? .nan : scores.reduce(0, +) / Double(scores.count)
    }

    /// The mean area over the classes that some rows have and others do not; nil where there is no such class.
    var area: Double? {
        let areas = ranks.compactMap(\.area)
        return areas.isEmpty ? nil : areas.reduce(0, +) / Double(areas.count)
    }

    private mutating func prepare(_ count: Int, _ isRanked: Bool) {
        cells = Array(repeating: Cell(), count: count)
        seen = Array(repeating: false, count: count)
        // All classes together keep a limited number of scores.
        if isRanked { ranks = Array(repeating: RankSketch(capacity: max((1 << 20) / count, 1 << 10)), count: count) }
    }

    private mutating func count(cell: Int, answer: Bool, truth: Bool, _ weight: Double) {
        switch (answer, truth) {
        case (true, true): cells[cell].truePositive += weight
        case (true, false): cells[cell].falsePositive += weight
        case (false, true): cells[cell].falseNegative += weight
        case (false, false): break
        }
    }

    private static func logarithms(_ score: Double, _ form: Prediction.Scores) -> (yes: Double, no: Double) {
        guard form == .logits else { return (Foundation.log(max(score, 0)), Foundation.log(max(1 - score, 0))) }
        // This is log(sigmoid(x)) without overflow.
        let common = min(score, 0) - log1p(exp(-abs(score)))
        return (common, common - score)
    }
}
