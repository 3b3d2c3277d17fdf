import ONNX

/// Holds everything that differentiation knows about one operator. To give an operator a gradient, add one record to a list of
/// `OperatorTable`:
///
///     .rule("Softsign") { [$0.dy / ($0.x.abs + 1).squared] },
///     .rule("Div", [.broadcasts, .hasPole]) { [$0.dy / $0.b, -($0.dy / $0.b * $0.y)] },
///     .rule("Tile", withoutGradient: [1], by: tile),
struct OperatorGradient: Sendable {
    enum Gradient: Sendable {
        /// Formulas give the gradients of the inputs.
        case rule(GradientRule)
        /// The operator is computed again in operators that have gradients, and those are differentiated.
        case expansion(Expansion)
        /// The branches of an If are differentiated, in an If of their own.
        case branches
        /// The gradient is zero, and nothing is reported: outputs are constant almost everywhere, or they are no numbers.
        case zero
        /// There is no gradient: a model with this operator on the path to a wanted value is refused.
        case refused(reason: String)
    }

    struct Traits: OptionSet, Sendable {
        let rawValue: Int

        /// The inputs broadcast against each other: the walk sums each gradient down to the shape of its input.
        static let broadcasts = Traits(rawValue: 1 << 0)
        /// The slope has a pole within the domain, as that of a root at 0: a gradient may be infinite in the operator that gives the input.
        static let hasPole = Traits(rawValue: 1 << 1)
        /// The elements of an input may be NaN on purpose: the operator asks for them, or leaves some elements out.
        static let expectsNaN = Traits(rawValue: 1 << 2)
        /// The output has the elements of the only input, perhaps in another type.
        static let copies = Traits(rawValue: 1 << 3)
    }

    /// The operator's type with its domain: `Conv`, or `ai.onnx.ml.LabelEncoder` outside the default domain.
    let operatorType: String
    let gradient: Gradient
    let traits: Traits
    /// The inputs at which models have their trained weights.
    let weightInputs: Set<Int>
    /// Returns the inputs that set how the operator works, and are not the values that it works on: shapes, axes, ratios, class weights,
    /// tables of angles. They get no gradient, although they may be of a floating point type.
    private(set) var inputsWithoutGradient: @Sendable (Node) -> Set<Int>

    private init(
        _ operatorType: String, _ gradient: Gradient, _ traits: Traits, withoutGradient: Set<Int> = [], weights: Set<Int> = []
    ) {
        self.operatorType = operatorType
        self.gradient = gradient
        self.traits = traits
        weightInputs = weights
        inputsWithoutGradient = { _ in withoutGradient }
    }

    /// - Parameters:
    ///   - withoutGradient: the inputs that set how the operator works.
    ///   - weights: the inputs at which models have their trained weights.
    static func rule(
        _ operatorType: String, _ traits: Traits = [], withoutGradient: Set<Int> = [], weights: Set<Int> = [],
        by rule: @escaping GradientRule
    ) -> OperatorGradient {
        OperatorGradient(operatorType, .rule(rule), traits, withoutGradient: withoutGradient, weights: weights)
    }

    static func expansion(_ operatorType: String, _ expansion: @escaping Expansion) -> OperatorGradient {
        OperatorGradient(operatorType, .expansion(expansion), [])
    }

    static func branches(_ operatorType: String) -> OperatorGradient { OperatorGradient(operatorType, .branches, []) }

    static func zero(_ operatorType: String, _ traits: Traits = []) -> OperatorGradient { OperatorGradient(operatorType, .zero, traits) }

    static func refused(_ operatorType: String, weights: Set<Int> = [], _ reason: String) -> OperatorGradient {
        OperatorGradient(operatorType, .refused(reason: reason), [], weights: weights)
    }

    /// Returns the same record, in which the attributes or outputs of a node decide which inputs have no gradient.
    func withoutGradient(_ inputs: @escaping @Sendable (Node) -> Set<Int>) -> OperatorGradient {
        var record = self
        record.inputsWithoutGradient = inputs
        return record
    }
}

/// Returns one gradient for each input that the operator may have, in their order, whether the node gives that input or not; nil for an
/// input that has none by its type or by its record. A gradient may be wider than its input where the operator broadcasts.
typealias GradientRule = @Sendable (RuleContext) throws(AutodiffError) -> [Symbol?]

/// Computes the outputs again from the inputs, in operators that have gradients of their own. Returns one value for each output; nil for
/// an output that is not differentiated.
typealias Expansion = @Sendable (RuleContext) throws(AutodiffError) -> [Symbol?]
