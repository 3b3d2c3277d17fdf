package import ONNX

/// Describes a condition on a parameter under which the operator that stores it computes what the training form computes. After every step
/// of training the parameter is brought back to the nearest values that satisfy it.
package enum ParameterConstraint: Sendable, Hashable {
    /// There are two rows, and the first is the negative of the second: two-class models of scikit-learn have one row and are stored in
    /// this form.
    case mirrored
    case atLeastZero
    /// Every element is between 0 and a bound.
    case share(of: Double)
    /// Each run of `classes` elements is at least 0 and has this sum: they are the probabilities of the classes in one leaf.
    case simplex(classes: Int, sum: Double)
    /// At least one element is negative: for a two-class ensemble without a negative leaf, ONNX Runtime reads leaves as probabilities, and
    /// for others as scores.
    case someNegative

    /// The key of the constraint in the metadata of the initializer in the training form.
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
    /// The constraint that this parameter of the training form must satisfy; nil where there is none.
    package var constraint: ParameterConstraint? { metadata[ParameterConstraint.key].flatMap(ParameterConstraint.init) }
}
