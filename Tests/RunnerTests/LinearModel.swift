import Attempts
import ONNX
import Runner
import Tensors

/// `y [N, K] = x [N, 2] W + b`, with what its gradient descent must give by central differences of a loss that a test writes out.
struct LinearModel {
    var weights: [Double]
    let width: Int

    /// Seeded by the width alone.
    init(width: Int) {
        self.width = width
        weights = (0..<3 * width).map { index -> Double in Double((index * 7 + 3) % 11 - 5) * 0.08 }
    }

    /// With `isOwnLoss` an input `t [N, K]` and the output `loss [N, K] = (y - t)²` in place of `y`.
    func model(isOwnLoss: Bool = false) -> Model {
        let rows = Dimension.symbolic("N")
        let type = ValueType.tensor(.float32, [rows, .fixed(width)])
        var nodes = [Node("Gemm", ["x", "W", "b"], ["y"], name: "linear")]
        var inputs = [Value("x", .tensor(.float32, [rows, .fixed(2)]))]
        if isOwnLoss {
            nodes += [Node("Sub", ["y", "t"], ["error"], name: "error"), Node("Mul", ["error", "error"], ["loss"], name: "square")]
            inputs.append(Value("t", type))
        }
        let graph = Graph(
            name: "linear", nodes: nodes, inputs: inputs, outputs: [Value(isOwnLoss ? "loss" : "y", type)],
            initializers: [
                StoredTensor("W", .float32, [2, width], weights.prefix(2 * width).map { Float($0) }),
                StoredTensor("b", .float32, [width], weights.suffix(width).map { Float($0) }),
            ])
        return Model(irVersion: 8, operatorSets: [OperatorSet(domain: "", version: 17)], graph: graph)
    }

    func scores(_ a: Double, _ b: Double) -> [Double] {
        (0..<width).map { a * weights[$0] + b * weights[width + $0] + weights[2 * width + $0] }
    }

    /// The weights after one step of plain gradient descent down `loss`.
    func stepped(rate: Double, down loss: (LinearModel) -> Double) -> [Double] {
        weights.indices.map { index in
            let change = 1e-5
            var above = self, below = self
            above.weights[index] += change
            below.weights[index] -= change
            return weights[index] - rate * (loss(above) - loss(below)) / (2 * change)
        }
    }

    /// What a model file holds: `W`, then `b`.
    static func weights(of model: Model) throws -> [Double] {
        try ["W", "b"].flatMap { name in
            try model.graph.initializers.first { $0.name == name }?.tensor().values(as: Float.self)?.map(Double.init) ?? []
        }
    }
}

extension AttemptResult {
    var succeeded: Bool { failure == nil }
}
