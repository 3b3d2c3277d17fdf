import Autodiff
import ONNX
import Passes
import Tensors

extension StepGraph {
    /// Throws `invalid` for trained values with which an operator of the model would compute something other than in training.
    func checkConstraints(_ parameters: [String: Tensor]) throws(AutodiffError) {
        for (name, tensor) in parameters.sorted(by: { $0.key < $1.key }) where source.graph.initializer(name)?.constraint == .someNegative {
            let isNegative =
                tensor.elementType == .float64
                ? tensor.values(as: Double.self)?.contains { $0 < 0 } : tensor.values(as: Float.self)?.contains { $0 < 0 }
            guard isNegative == false else { continue }
            throw .invalid(
                place: "'\(name)'",
                reason: "training made every value of its leaves 0 or more, and ONNX Runtime would read them as probabilities instead of "
                    + "scores; train with a lower learning rate or on rows of both classes")
        }
    }
}
