import Attempts

/// Says how far two models are apart on rows. It is encoded to JSON under these names, in snake case.
package struct RowsComparison: Sendable, Encodable {
    /// Describes one output that both models have.
    package struct Output: Sendable, Encodable {
        package let name: String
        package let distance: ValueDistance
    }

    /// Describes a value in between that both models make.
    package struct Value: Sendable, Encodable {
        /// The names of the value and the nodes that make it, in the first and in the second model.
        package let a: String
        package let b: String
        package let nodeOfA: String
        package let nodeOfB: String
        package let distance: ValueDistance

        private enum CodingKeys: String, CodingKey {
            case a, b, distance
            case nodeOfA = "node_a"
            case nodeOfB = "node_b"
        }
    }

    /// Says where the models part.
    package struct Parting: Sendable, Encodable {
        /// The rows on which values in between are compared: those on which the outputs differ most. Rows are counted as errors count them.
        package let firstRow: Int
        package let lastRow: Int
        /// The number of values that were compared, up to the first one that differs.
        package let comparedValues: Int
        /// The largest relative error among those before it.
        package let errorBefore: Double
        /// The first value that differs by more than the tolerance; nil where none does.
        package let first: Value?

        private enum CodingKeys: String, CodingKey {
            case first
            case firstRow = "first_row"
            case lastRow = "last_row"
            case comparedValues = "compared_values"
            case errorBefore = "error_before"
        }
    }

    /// The number of rows, from the first of the file on.
    package let rows: Int
    /// The relative error above which values differ.
    package let tolerance: Double
    package let outputs: [Output]
    package let parting: Parting

    /// Tells whether an output or a value in between differs by more than the tolerance.
    package var differs: Bool { parting.first != nil || outputs.contains { $0.distance.isMore(than: tolerance) } }
}

/// Says how far one value is from the same value of another model.
package struct ValueDistance: Sendable, Encodable, Equatable {
    /// The cosine between all numbers of the two, taken as one vector each; nil for values that are no floating-point numbers.
    package let cosine: Double?
    /// The largest absolute difference; nil as above.
    package let largest: Double?
    /// The L2 norm of the difference by that of the first model's value; nil as above, and where the latter is zero.
    package let relative: Double?
    /// The share of rows whose greatest number stands in the same column, or, for values that are no floating-point numbers, that are
    /// equal; nil where a row has one floating-point number, or is no list of scores.
    package let sameTop: Double?
    /// The number of elements that are not finite in one of the two and something else in the other.
    package let nonFinite: Int
    /// Says why the values cannot be compared; nil where they can.
    package let reason: String?

    private enum CodingKeys: String, CodingKey {
        case cosine, largest, relative, reason
        case sameTop = "same_top"
        case nonFinite = "non_finite"
    }

    init(_ meter: AgreementMeter) {
        let agreement = meter.result
        cosine = agreement.cosine
        largest = agreement.cosine == nil ? nil : meter.largestDifference
        // The meter says with the largest number there is that something differs from zeros.
        relative = agreement.relativeError.flatMap { $0 < .greatestFiniteMagnitude ? $0 : nil }
        sameTop = agreement.sameTop
        nonFinite = agreement.nonFinite
        reason = nil
    }

    init(incomparable reason: String) {
        (cosine, largest, relative, sameTop, nonFinite) = (nil, nil, nil, nil, 0)
        self.reason = reason
    }

    /// The relative error, or for values that are no floating-point numbers the share that differs.
    package var error: Double {
        if reason != nil || nonFinite > 0 { return .infinity }
        guard cosine != nil else { return 1 - (sameTop ?? 1) }
        return relative ?? (largest == 0 ? 0 : .infinity)
    }

    package func isMore(than tolerance: Double) -> Bool { error > tolerance }
}
