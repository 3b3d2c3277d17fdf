package import ONNX
import Tensors

/// Differentiates ONNX graphs in reverse mode: gradients are new nodes of the same graph, in standard operators only.
///
/// The model must be in training form (`TrainingForm` in `Passes`): functions are inlined, and the default operator set has version 21 or
/// newer. Gradients are written for that one form. The model's own nodes stay; some get optional outputs that a gradient needs (a mask,
/// indices).
package enum ReverseMode {
    /// The oldest operator set for which gradients are valid.
    package static let oldestOperatorSet: Int64 = 21

    /// Appends the vector-Jacobian product: the gradient of `sum(value * cotangent)`, over all `seeds`, by each value in `wanted`.
    ///
    /// - Parameters:
    ///   - seeds: maps values of the model's graph (outputs, or others) to the names of the values that hold their cotangents, which have
    ///     the same shape and type.
    ///   - wanted: initializers, inputs, or other values.
    /// - Returns: the names of the gradients, each of the shape of its value. A value on which no seed depends has none.
    /// - Throws: `noRule` if an operator on the way has no gradient; `nothingTrainable` if no seed depends on any wanted value;
    ///   `unknownValue` for a name that the graph does not have; `invalid` if the model is not in training form.
    package static func append(
        to model: inout Model, seeds: [String: String], for wanted: [String], options: GradientOptions = GradientOptions()
    ) throws(AutodiffError) -> Gradients {
        let walk = try BackwardWalk(model, seeds: seeds, wanted: wanted, options: options)
        let gradients = try walk.run()
        walk.graph.apply(to: &model.graph, results: Set(gradients.names.values))
        return gradients
    }

    /// Appends the gradient of a value of one element: `append(to:seeds:for:options:)` with a cotangent of 1.
    /// - Throws: also `invalid` if `loss` has more than one element.
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

/// Answers questions about operators for the building of training graphs.
extension ReverseMode {
    /// Returns whether an input of an operator may have a gradient. Shapes, axes, ratios and the like are taken as constants.
    package static func isDifferentiable(input: Int, of node: Node) -> Bool {
        !OperatorTable.record(of: node).inputsWithoutGradient(node).contains(input)
    }

    /// Returns the inputs at which models have the trained weights of an operator.
    package static func weightInputs(of node: Node) -> Set<Int> { OperatorTable.record(of: node).weightInputs }
}
