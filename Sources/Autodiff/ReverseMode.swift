package import ONNX
import Tensors

/// Reverse-mode differentiation as a rewriting of the model: the cotangents are new nodes of the same graph, in standard operators only.
///
/// The model must be in training form (`Passes`): functions inlined, the default operator set at version 21 or newer. Rules are written
/// for that one form. Nothing of the model is changed, but that nodes may get optional outputs which their gradient needs (a mask,
/// indices).
package enum ReverseMode {
    /// The oldest operator set that the rules and what they emit are valid for.
    package static let oldestOperatorSet: Int64 = 21

    /// Appends the vector-Jacobian product: for each value in `wanted`, the gradient of `sum(value * cotangent)` over `seeds`.
    ///
    /// - Parameters:
    ///   - seeds: values of the model's graph (its outputs, or any in between), with the name of the value that holds the cotangent of each,
    ///     of the same shape and type.
    ///   - wanted: initializers, inputs, or values in between.
    /// - Returns: names of the gradients, each of its value's shape. A value that no seed depends on has none.
    /// - Throws: `noRule` where an operator between them has no gradient; `nothingTrainable` where no seed depends on any wanted value.
    package static func append(
        to model: inout Model, seeds: [String: String], for wanted: [String], options: GradientOptions = GradientOptions()
    ) throws(AutodiffError) -> Gradients {
        let walk = try BackwardWalk(model, seeds: seeds, wanted: wanted, options: options)
        let gradients = try walk.run()
        walk.graph.apply(to: &model.graph, results: Set(gradients.names.values))
        return gradients
    }

    /// Appends the gradient of a scalar: `append(to:seeds:for:options:)` with a cotangent of 1.
    package static func append(
        to model: inout Model, loss: String, for wanted: [String], options: GradientOptions = GradientOptions()
    ) throws(AutodiffError) -> Gradients {
        let walk = try BackwardWalk(model, seeds: [:], wanted: wanted, options: options)
        guard walk.knows(loss) else { throw .unknownValue(loss) }
        let value = walk.graph.symbol(loss)
        if let extents = value.fixedExtents, extents.contains(where: { $0 != 1 }) {
            throw .invalid(place: "'\(loss)'", reason: "a loss is one number, but this has the shape \(extents)")
        }
        walk.seed(
            loss,
            value.extents == []
                ? walk.graph.scalar(1, value.elementType)
                : walk.graph.filled(1, value.shape, type: value.elementType, extents: value.extents))
        let gradients = try walk.run()
        walk.graph.apply(to: &model.graph, results: Set(gradients.names.values))
        return gradients
    }
}

/// What the table of operators says, for whoever builds graphs around gradients.
extension ReverseMode {
    /// The operators that have a gradient rule. If, whose branches the walk goes through, and operators without any gradient are not among
    /// them.
    package static var operators: [String] { OperatorTable.differentiated }

    /// Returns whether an input of an operator says what and not how: shapes, axes, ratios and the like are taken as constants.
    package static func isDifferentiable(input: Int, of node: Node) -> Bool {
        !OperatorTable.record(of: node).inputsWithoutGradient(node).contains(input)
    }

    /// Returns the inputs at which models have the trained weights of an operator.
    package static func weightInputs(of node: Node) -> Set<Int> { OperatorTable.record(of: node).weightInputs }
}
