import Attempts

/// Adds up how far one output is from the same output of another model, rows after rows. It keeps sums only.
struct AgreementMeter {
    private let output: String
    private var rows = 0
    private var product = 0.0, square = 0.0, originalSquare = 0.0, difference = 0.0
    private var nonFinite = 0
    /// The largest difference between two numbers.
    private(set) var largestDifference = 0.0
    private var isNumeric = false
    private var scoredRows = 0, sameTop = 0
    /// Tells whether every row of the original has length 1 and is no list of probabilities: such rows are embeddings, whose greatest
    /// value means nothing.
    private var hasUnitRows = true

    init(_ output: String) { self.output = output }

    mutating func add(_ values: [Float], original: [Float], width: Int?, rows count: Int) {
        isNumeric = true
        rows += count
        for (value, reference) in zip(values, original) {
            guard value.isFinite, reference.isFinite else {
                if value != reference, !(value.isNaN && reference.isNaN) { nonFinite += 1 }
                continue
            }
            let (a, b) = (Double(value), Double(reference))
            product += a * b
            square += a * a
            originalSquare += b * b
            difference += (a - b) * (a - b)
            largestDifference = max(largestDifference, abs(a - b))
        }
        guard let width, width > 1 else { return }
        for row in 0..<original.count / width {
            let range = row * width..<(row + 1) * width
            scoredRows += 1
            if Self.top(values[range]) == Self.top(original[range]) { sameTop += 1 }
            if !Self.isUnit(original[range]) { hasUnitRows = false }
        }
    }

    mutating func add(_ codes: [UInt64], original: [UInt64], rows count: Int) {
        rows += count
        let width = max(codes.count / max(count, 1), 1)
        for row in stride(from: 0, to: codes.count, by: width) {
            let range = row..<min(row + width, codes.count)
            scoredRows += 1
            if codes[range] == original[range] { sameTop += 1 }
        }
        hasUnitRows = false
    }

    /// Adds the values of some rows. Returns false, and adds nothing, where they cannot be compared: where they are of another kind, or not
    /// as many.
    mutating func add(_ found: OutputElements, original: OutputElements, rows count: Int) -> Bool {
        switch (found, original) {
        case (.numbers(let values, _), .numbers(let reference, let width)) where values.count == reference.count:
            add(values, original: reference, width: width, rows: count)
        case (.codes(let values), .codes(let reference)) where values.count == reference.count:
            add(values, original: reference, rows: count)
        default: return false
        }
        return true
    }

    var result: OutputAgreement {
        let norms = (square * originalSquare).squareRoot()
        return OutputAgreement(
            output: output, rows: rows,
            cosine: !isNumeric ? nil : norms > 0 ? min(product / norms, 1) : square == originalSquare ? 1 : 0,
            relativeError: !isNumeric
                ? nil : difference == 0 ? 0 : originalSquare > 0 ? (difference / originalSquare).squareRoot() : .greatestFiniteMagnitude,
            sameTop: scoredRows == 0 || hasUnitRows ? nil : Double(sameTop) / Double(scoredRows), nonFinite: nonFinite)
    }

    /// Returns the position of the greatest value, the first of several; NaN is never the greatest.
    private static func top(_ row: ArraySlice<Float>) -> Int? {
        var best: Int?
        for index in row.indices where !row[index].isNaN { if best.map({ row[index] > row[$0] }) ?? true { best = index } }
        return best.map { $0 - row.startIndex }
    }

    private static func isUnit(_ row: ArraySlice<Float>) -> Bool {
        var square = 0.0, sum = 0.0, least = Float.infinity
        for value in row {
            square += Double(value) * Double(value)
            sum += Double(value)
            least = min(least, value)
        }
        let isProbabilities = least >= 0 && abs(sum - 1) < 1e-3
        return abs(square - 1) < 1e-3 && !isProbabilities
    }
}
