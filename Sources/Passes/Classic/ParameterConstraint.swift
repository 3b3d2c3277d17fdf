package import ONNX

/// What must hold of a parameter, so that the operator that stores it computes what the training form computes. After every step of training the
/// parameter is brought back to the nearest values of which it holds.
package enum ParameterConstraint: Sendable, Hashable {
    /// Of two rows, the first is the negative of the second: scikit-learn's two-class models are stored so, and have one row.
    case mirrored
    case atLeastZero
    /// From 0 to a bound.
    case share(of: Double)
    /// Each run of so many elements is at least 0 and has this sum: the probabilities of the classes in one leaf.
    case simplex(classes: Int, sum: Double)
    /// At least one element is negative: ONNX Runtime reads leaves of a two-class ensemble without one as probabilities, and others as scores.
    case someNegative

    /// Metadata of the initializer in the training form.
    static let key = "millrace.constraint"

    var text: String {
        switch self {
        case .mirrored: "mirrored"
        case .atLeastZero: "at_least_zero"
        case .share(let bound): "share \(bound)"
        case .simplex(let classes, let sum): "simplex \(classes) \(sum)"
        case .someNegative: "some_negative"
        }
    }

    init?(_ text: String) {
        let words = text.split(separator: " ")
        let numbers = words.dropFirst().compactMap { Double($0) }
        switch (words.first, numbers.count) {
        case ("mirrored", 0): self = .mirrored
        case ("at_least_zero", 0): self = .atLeastZero
        case ("share", 1): self = .share(of: numbers[0])
        case ("simplex", 2): self = .simplex(classes: Int(numbers[0]), sum: numbers[1])
        case ("some_negative", 0): self = .someNegative
        default: return nil
        }
    }
}

extension StoredTensor {
    /// What must hold of this parameter of the training form.
    package var constraint: ParameterConstraint? { metadata[ParameterConstraint.key].flatMap(ParameterConstraint.init) }
}
