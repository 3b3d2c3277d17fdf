import Foundation
import ONNX
import Tensors
import TestSupport

/// Small models and labelled rows that tests train on.
enum Models {
    private static func random(_ count: Int, scale: Float, _ generator: inout SeededGenerator) -> [Float] {
        (0..<count).map { _ in Float.random(in: -scale...scale, using: &generator) }
    }

    /// `x [N, 2]` -> Gemm -> Relu -> Gemm -> `scores [N, outputs]`, seeded.
    static func perceptron(
        outputs: Int = 3, hidden: Int = 8, batch: Tensors.Dimension = .symbolic("N"), seed: UInt64 = 1, softmax: Bool = false,
        half: Bool = false
    ) -> Model {
        var generator = SeededGenerator(seed: seed)
        func weight(_ name: String, _ shape: Shape, scale: Float) -> StoredTensor {
            let values = random(shape.elementCount!, scale: scale, &generator)
            return half ? StoredTensor(name, .float16, shape, values.map { Float16($0) }) : StoredTensor(name, .float32, shape, values)
        }
        var nodes: [Node] = []
        let names = ["w1", "b1", "w2", "b2"]
        if half {
            for name in names { nodes.append(Node("Cast", [name], [name + "_f"], name: "widen_" + name, [Attribute("to", .int(1))])) }
        }
        let used = half ? names.map { $0 + "_f" } : names
        nodes += [
            Node("Gemm", ["x", used[0], used[1]], ["h"], name: "first"), Node("Relu", ["h"], ["r"], name: "rectifier"),
            Node("Gemm", ["r", used[2], used[3]], ["scores"], name: "second"),
        ]
        if softmax { nodes.append(Node("Softmax", ["scores"], ["p"], name: "softmax")) }
        let graph = Graph(
            name: "perceptron", nodes: nodes, inputs: [Value("x", .tensor(.float32, [batch, .fixed(2)]))],
            outputs: [Value(softmax ? "p" : "scores", .tensor(.float32, [batch, .fixed(outputs)]))],
            initializers: [
                weight("w1", [2, hidden], scale: 1), weight("b1", [hidden], scale: 0.1), weight("w2", [hidden, outputs], scale: 0.5),
                weight("b2", [outputs], scale: 0.1),
            ])
        return Model(irVersion: 8, operatorSets: [OperatorSet(domain: "", version: 17)], graph: graph)
    }

    /// The perceptron with a BatchNormalization behind its first layer, whose running statistics are not those of any rows.
    static func normalized() -> Model {
        var model = perceptron()
        model.graph.nodes[1] = Node("Relu", ["n"], ["r"], name: "rectifier")
        model.graph.nodes.insert(Node("BatchNormalization", ["h", "scale", "bias", "mean", "variance"], ["n"], name: "norm"), at: 1)
        for (name, value) in [("scale", 1.5), ("bias", 0.1), ("mean", 0.2), ("variance", 2)] as [(String, Float)] {
            model.graph.initializers.append(StoredTensor(name, .float32, [8], (0..<8).map { value + Float($0) / 32 }))
        }
        return model
    }

    /// `y [N, 1] = x [N, 2] w [2, 1] + b [1]`.
    static func line(w: [Float] = [0.5, -1], b: Float = 0.25) -> Model {
        let graph = Graph(
            name: "line", nodes: [Node("MatMul", ["x", "w"], ["xw"], name: "product"), Node("Add", ["xw", "b"], ["y"], name: "sum")],
            inputs: [Value("x", .tensor(.float32, [.symbolic("N"), .fixed(2)]))],
            outputs: [Value("y", .tensor(.float32, [.symbolic("N"), .fixed(1)]))],
            initializers: [StoredTensor("w", .float32, [2, 1], w), StoredTensor("b", .float32, [1], [b])])
        return Model(irVersion: 8, operatorSets: [OperatorSet(domain: "", version: 17)], graph: graph)
    }

    /// `id,a,b,label` with three classes by angle, seeded.
    static func rows(_ count: Int, seed: UInt64 = 5) -> String {
        var generator = SeededGenerator(seed: seed)
        var text = "id,a,b,label\n"
        for row in 0..<count {
            let a = Float.random(in: -1...1, using: &generator), b = Float.random(in: -1...1, using: &generator)
            text += "r\(row),\(a),\(b),\(a > abs(b) ? 0 : b > 0 ? 1 : 2)\n"
        }
        return text
    }
}
