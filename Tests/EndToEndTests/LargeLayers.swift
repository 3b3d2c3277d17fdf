import ONNX
import Tensors
import TestSupport

/// A perceptron whose weights are large beside its rows, so that integers make it faster everywhere.
enum LargeLayers {
    static func model() -> Model {
        var generator = SeededGenerator(seed: 5)
        func weight(_ name: String, _ rows: Int, _ columns: Int) -> StoredTensor {
            let scale = 2 / Float(rows).squareRoot()
            let numbers = (0..<rows * columns).map { _ in Float.random(in: -scale...scale, using: &generator) }
            return StoredTensor(name, Tensor(.float32, [rows, columns], numbers))
        }
        let graph = Graph(
            name: "large",
            nodes: [
                Node("MatMul", ["x", "w1"], ["a"]), Node("Relu", ["a"], ["b"]), Node("MatMul", ["b", "w2"], ["c"]),
                Node("Relu", ["c"], ["d"]), Node("MatMul", ["d", "w3"], ["y"]),
            ], inputs: [Value("x", .tensor(.float32, [.symbolic("N"), .fixed(512)]))],
            outputs: [Value("y", .tensor(.float32, [.symbolic("N"), .fixed(16)]))],
            initializers: [weight("w1", 512, 1024), weight("w2", 1024, 1024), weight("w3", 1024, 16)])
        return Model(irVersion: 8, operatorSets: [OperatorSet(domain: "", version: 17)], graph: graph)
    }

    /// Returns a file with the key `id` and the columns `x0` to `x511`.
    static func rows(_ count: Int) -> String {
        let lines = (0..<count).map { row in
            "\(row)," + (0..<512).map { "\(Double(($0 * 37 + row * row * 11) % 101) / 50 - 1)" }.joined(separator: ",")
        }
        return (["id," + (0..<512).map { "x\($0)" }.joined(separator: ",")] + lines).joined(separator: "\n") + "\n"
    }
}
