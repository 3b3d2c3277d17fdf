import ConformanceSupport
import Engine
import ONNX
import Tensors

/// A model around a few nodes, for tests: inputs by name and value, one or more outputs.
struct SmallModel {
    var model: Model

    init(
        opset: Int64, _ nodes: [Node], inputs: [(String, Tensor)], initializers: [(String, Tensor)] = [],
        outputs: [(String, ElementType)] = [("y", .float32)],
        functions: [Function] = []
    ) {
        let graph = Graph(
            name: "g", nodes: nodes, inputs: inputs.map { Value($0.0, .tensor($0.1.elementType, $0.1.shape)) },
            outputs: outputs.map { Value($0.0, .tensor($0.1, nil)) }, initializers: initializers.map { StoredTensor($0.0, $0.1) })
        model = Model(irVersion: 8, operatorSets: [OperatorSet(domain: "", version: opset)], graph: graph)
        model.functions = functions
    }
}

func run(_ model: Model, _ inputs: [(String, Tensor)]) throws -> [EngineValue] {
    try Session(model: model.serialized(), options: SessionOptions(optimization: .none)).run(inputs.map { ($0.0, .tensor($0.1)) })
}

/// Numbers from 0.1 up in steps of 0.1, alternating in sign.
func ramp(_ shape: Shape) -> Tensor {
    let values = (0..<(shape.elementCount ?? 0)).map { index -> Float in
        let size = Float(index % 17 + 1) / 10
        return index % 2 == 0 ? size : -size
    }
    return Tensor(.float32, shape, values)
}

func ints(_ values: [Int64]) -> Tensor { Tensor(.int64, [values.count], values) }
