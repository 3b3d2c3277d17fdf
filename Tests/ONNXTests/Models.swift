import Foundation
import ONNX
import Tensors

/// `y = x * w` with `x: float[N, 2]`, `w: float[2, 3]`, with or without the weights' file.
func matrixModel(_ weights: StoredTensor = weights()) -> Model {
    let graph = Graph(
        name: "g", nodes: [Node("MatMul", ["x", "w"], ["y"])],
        inputs: [Value("x", .tensor(.float32, [.symbolic("N"), .fixed(2)]))],
        outputs: [Value("y", .tensor(.float32, [.symbolic("N"), .fixed(3)]))], initializers: [weights])
    return Model(operatorSets: [OperatorSet(domain: "", version: 17)], graph: graph)
}

func weights() -> StoredTensor { StoredTensor("w", .float32, [2, 3], [1, 2, 3, 4, 5, 6] as [Float]) }

extension Model {
    /// Parses bytes that a test wrote.
    init(serialized bytes: [UInt8], limits: ReadingLimits = ReadingLimits()) throws(ONNXError) {
        try self.init(serialized: Data(bytes), limits: limits)
    }
}
