package import ONNX
import Tensors
import TestSupport

/// A model whose weights are large and soon written: square weights of MatMul and Gemm in turn, in which one element of each row is random
/// and the others are 0. From `x [N, 1]` it makes `y [N, 1]`.
package enum WideModel {
    /// - Parameters:
    ///   - width: a weight has `width` times `width` elements of four bytes.
    ///   - blocks: the number of weights.
    ///   - seed: gives other weights.
    package static func model(width: Int, blocks: Int, seed: UInt64 = 1) -> Model {
        var generator = SeededGenerator(seed: seed)
        func random(_ count: Int, _ scale: Float) -> [Float] {
            (0..<count).map { _ in Float.random(in: -scale...scale, using: &generator) }
        }
        var initializers = [
            StoredTensor("embed", .float32, [1, width], random(width, 1)), StoredTensor("head", .float32, [width, 1], random(width, 0.1)),
        ]
        var nodes = [Node("MatMul", ["x", "embed"], ["h0"])]
        for block in 0..<blocks {
            initializers.append(StoredTensor("block\(block)", weight(width, random(width, 1), shift: block)))
            if block.isMultiple(of: 2) {
                nodes.append(Node("MatMul", ["h\(block)", "block\(block)"], ["p\(block)"]))
            } else {
                initializers.append(StoredTensor("bias\(block)", .float32, [width], random(width, 0.1)))
                nodes.append(Node("Gemm", ["h\(block)", "block\(block)", "bias\(block)"], ["p\(block)"], [Attribute("transB", .int(1))]))
            }
            nodes.append(Node("Tanh", ["p\(block)"], ["h\(block + 1)"]))
        }
        nodes.append(Node("MatMul", ["h\(blocks)", "head"], ["y"]))
        let column = ValueType.tensor(.float32, [.symbolic("N"), .fixed(1)])
        let graph = Graph(
            name: "wide", nodes: nodes, inputs: [Value("x", column)], outputs: [Value("y", column)], initializers: initializers)
        return Model(irVersion: 8, operatorSets: [OperatorSet(domain: "", version: 17)], graph: graph)
    }

    private static func weight(_ width: Int, _ values: [Float], shift: Int) -> Tensor {
        guard let weight = Tensor(zeros: .float32, shape: [width, width]), case .buffer(let buffer) = weight.storage else {
            fatalError("a weight of \(width) times \(width) elements does not fit")
        }
        let elements = buffer.mutableBytes.bindMemory(to: Float.self)
        for row in 0..<width { elements[row * width + (row * 7 + shift) % width] = values[row] }
        return weight
    }
}
