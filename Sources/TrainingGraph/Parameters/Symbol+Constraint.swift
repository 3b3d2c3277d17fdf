import Autodiff
import ONNX
import Passes
import Tensors

extension Symbol {
    /// Returns the nearest values that satisfy the constraint.
    func held(to constraint: ParameterConstraint) -> Symbol {
        switch constraint {
        case .mirrored:
            let second = apply("Slice", [graph.integers([1]), graph.integers([2]), graph.integers([0])])
            return (-second).apply("Concat", [second], [.init("axis", .int(0))], extents: extents)
        case .atLeastZero: return apply("Max", [graph.scalar(0, elementType)], extents: extents)
        case .share(let bound): return clipped(0, bound)
        case .simplex(let classes, let sum): return onSimplex(classes, sum)
        // This constraint is checked when the model is written: one value above 0 is no reason to move another.
        case .someNegative: return self
        }
    }

    /// Returns rows of `classes` elements, each at least 0 and with the sum `sum`: one number is subtracted from all elements of a row, and
    /// negative results become 0. The number follows from the largest elements of the row, as many as stay above 0.
    private func onSimplex(_ classes: Int, _ sum: Double) -> Symbol {
        let rows = reshaped([-1, classes])
        let sorted = graph.emit(
            "TopK", [rows, graph.integers([classes])], outputs: 2, [.init("axis", .int(1))], types: [.tensor(elementType, nil), nil])[0]
        let axis = graph.constant(.int64, [], [1] as [Int64])
        let excess = sorted.apply("CumSum", [axis]) - sum
        let counts = graph.numbers((1...classes).map(Double.init), elementType)
        let stays = (sorted * counts > excess).cast(to: .int64)
        let count = stays.sum([1], keep: true)
        let last = count - graph.constant(.int64, [], [1] as [Int64])
        let shift = excess.apply("GatherElements", [last], [.init("axis", .int(1))]) / count.cast(to: elementType)
        return (rows - shift).map("Relu").apply("Reshape", [shape], extents: extents)
    }
}
