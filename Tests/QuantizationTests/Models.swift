import ConformanceSupport
import Engine
import ONNX
import Tensors
import TestSupport

@testable import Quantization

/// Models with structured weights: columns of very different size, and a few inputs that are much larger than the others, as in trained
/// models.
enum Models {
    static func model(
        opset: Int64 = 17, irVersion: Int64 = 8, _ nodes: [Node], inputs: [(String, [Dimension])],
        initializers: [(String, Tensor)], outputs: [String] = ["y"],
        ids: Value? = nil
    ) -> Model {
        let graph = Graph(
            name: "g", nodes: nodes, inputs: inputs.map { Value($0.0, .tensor(.float32, $0.1)) } + (ids.map { [$0] } ?? []),
            outputs: outputs.map { Value($0, .tensor(.float32, nil)) }, initializers: initializers.map { StoredTensor($0.0, $0.1) })
        var model = Model(irVersion: irVersion, operatorSets: [OperatorSet(domain: "", version: opset)], graph: graph)
        if let types = try? model.inferTypes() {
            for position in model.graph.outputs.indices { model.graph.outputs[position].type = types[model.graph.outputs[position].name] }
        }
        return model
    }

    /// Numbers that look normally distributed, the same for each seed, in `[rows, columns]` with factors for each column.
    static func weight(_ shape: Shape, seed: UInt64 = 1, columnFactor: (Int) -> Float = { Float(1 << ($0 % 5)) / 16 }) -> Tensor {
        var generator = SeededGenerator(seed: seed)
        let columns = shape.dimensions.last ?? 1
        let values = (0..<(shape.elementCount ?? 0)).map { position -> Float in
            let sum = (0..<6).reduce(Float(0)) { sum, _ in sum + Float.random(in: -1...1, using: &generator) }
            return sum * 0.5 * columnFactor(position % columns)
        }
        return Tensor(.float32, shape, values)
    }

    /// One product `[rows, 64] x [64, 48]`.
    static func product(opset: Int64 = 17) -> Model {
        model(
            opset: opset, [Node("MatMul", ["x", "w"], ["y"], name: "product")], inputs: [("x", [.symbolic("n"), .fixed(64)])],
            initializers: [("w", weight([64, 48]))])
    }
}

func run(_ model: Model, _ inputs: [(String, Tensor)]) throws -> [Float] {
    let values = try Session(model: model.serialized(), options: SessionOptions(optimization: .none)).run(
        inputs.map { ($0.0, .tensor($0.1)) })
    guard case .tensor(let tensor) = values[0], let numbers = tensor.values(as: Float.self) else { return [] }
    return numbers
}

/// The cosine of the angle between two lists of numbers.
func cosine(_ one: [Float], _ other: [Float]) -> Double {
    var (product, left, right) = (0.0, 0.0, 0.0)
    for (a, b) in zip(one, other) {
        product += Double(a) * Double(b)
        left += Double(a) * Double(a)
        right += Double(b) * Double(b)
    }
    return one.count == other.count ? product / (left * right).squareRoot() : -1
}

extension Models {
    /// Products in a row: MatMul, a Gemm whose factors are transposed and scaled, and one with a bias by row.
    static func chain() -> Model {
        model(
            [
                Node("MatMul", ["x", "w0"], ["a"], name: "first"),
                Node("Relu", ["a"], ["b"]),
                Node(
                    "Gemm", ["b", "w1", "c1"], ["c"], name: "second",
                    [Attribute("transB", .int(1)), Attribute("alpha", .float(0.5)), Attribute("beta", .float(2))]),
                Node("Gemm", ["c", "w2"], ["d"], name: "third", [Attribute("alpha", .float(-1))]),
                Node("Gemm", ["d", "w1", "c3"], ["y"], name: "fourth", [Attribute("transB", .int(1))]),
            ], inputs: [("x", [.symbolic("n"), .fixed(64)])],
            initializers: [
                ("w0", weight([64, 72])), ("w1", weight([48, 72], seed: 2)), ("c1", weight([48], seed: 3)),
                ("w2", weight([48, 72], seed: 4)), ("c3", weight([1, 48], seed: 5)),
            ])
    }

    /// One Gemm whose first factor is transposed.
    static func upright() -> Model {
        model(
            [Node("Gemm", ["x", "w", "c"], ["y"], name: "product", [Attribute("transA", .int(1))])],
            inputs: [("x", [.fixed(64), .fixed(6)])], initializers: [("w", weight([64, 48])), ("c", weight([6, 1], seed: 2))])
    }

    /// Products of activations with three axes, and of two weights that share activations.
    static func sequence(opset: Int64 = 17) -> Model {
        model(
            opset: opset,
            [
                Node("MatMul", ["x", "w0"], ["a"], name: "left"), Node("MatMul", ["x", "w1"], ["b"], name: "right"),
                Node("Mul", ["a", "b"], ["y"]),
            ], inputs: [("x", [.symbolic("n"), .fixed(5), .fixed(64)])],
            initializers: [("w0", weight([64, 48])), ("w1", weight([64, 48], seed: 2))])
    }

    static func convolutions() -> Model {
        model(
            [
                Node("Conv", ["x", "w0", "c0"], ["a"], name: "first", [Attribute("pads", .ints([1, 1, 1, 1]))]),
                Node("Relu", ["a"], ["b"]), Node("Conv", ["b", "w1"], ["y"], name: "second"),
            ], inputs: [("x", [.symbolic("n"), .fixed(8), .fixed(9), .fixed(9)])],
            initializers: [
                ("w0", weight([16, 8, 3, 3])), ("c0", weight([16], seed: 2)), ("w1", weight([16, 16, 3, 3], seed: 3)),
            ])
    }

    /// A block of a transformer behind an embedding, with weights that have large columns and a LayerNormalization with large ones.
    static func transformer() -> Model {
        let width = 64, heads = 4, length = 16
        var nodes: [Node] = [], initializers: [(String, Tensor)] = []
        func linear(_ source: String, _ name: String, _ shape: Shape, seed: UInt64) -> String {
            initializers.append(
                (name + ".w", weight(shape, seed: seed) { ($0 % 11 == 0 ? 1 : 0.25) / Float(shape.dimensions[0]).squareRoot() * 2 }))
            initializers.append((name + ".b", weight([shape.dimensions[1]], seed: seed + 100) { _ in 0.1 }))
            nodes += [
                Node("MatMul", [source, name + ".w"], [name + ".product"], name: name),
                Node("Add", [name + ".product", name + ".b"], [name]),
            ]
            return name
        }
        func normalized(_ source: String, _ name: String) -> String {
            let scale = (0..<width).map { Float($0 % 13 == 5 ? 4 : 1) }
            initializers += [(name + ".g", Tensor(.float32, [width], scale)), (name + ".b", weight([width], seed: 50) { _ in 0.1 })]
            nodes.append(Node("LayerNormalization", [source, name + ".g", name + ".b"], [name], name: name))
            return name
        }
        func split(_ source: String, _ axes: [Int64]) -> String {
            nodes += [
                Node("Reshape", [source, "heads"], [source + ".split"]),
                Node("Transpose", [source + ".split"], [source + ".heads"], [Attribute("perm", .ints(axes))]),
            ]
            return source + ".heads"
        }
        initializers += [
            ("table", weight([512, width], seed: 9)),
            ("heads", Tensor(.int64, [4], [0, Int64(length), Int64(heads), Int64(width / heads)])),
            ("joined", Tensor(.int64, [3], [0, Int64(length), Int64(width)])),
            ("width", Tensor(.float32, [], [Float(width / heads).squareRoot()])),
            ("half", Tensor(.float32, [], [Float(0.5)])), ("one", Tensor(.float32, [], [Float(1)])),
            ("root", Tensor(.float32, [], [Float(2).squareRoot()])),
        ]
        nodes.append(Node("Gather", ["table", "ids"], ["embedded"], name: "embedding"))
        let start = normalized("embedded", "norm0")
        let query = split(linear(start, "query", [width, width], seed: 10), [0, 2, 1, 3])
        let key = split(linear(start, "key", [width, width], seed: 11), [0, 2, 3, 1])
        let value = split(linear(start, "value", [width, width], seed: 12), [0, 2, 1, 3])
        nodes += [
            Node("MatMul", [query, key], ["scores"], name: "scores"), Node("Div", ["scores", "width"], ["scaled"]),
            Node("Softmax", ["scaled"], ["attention"], [Attribute("axis", .int(-1))]),
            Node("MatMul", ["attention", value], ["mixed"], name: "mixed"),
            Node("Transpose", ["mixed"], ["turned"], [Attribute("perm", .ints([0, 2, 1, 3]))]),
            Node("Reshape", ["turned", "joined"], ["context"]),
        ]
        nodes.append(Node("Add", [start, linear("context", "out", [width, width], seed: 13)], ["middle"]))
        let inner = linear(normalized("middle", "norm1"), "up", [width, 4 * width], seed: 14)
        nodes += [
            Node("Div", [inner, "root"], ["g0"]), Node("Erf", ["g0"], ["g1"]), Node("Add", ["g1", "one"], ["g2"]),
            Node("Mul", [inner, "g2"], ["g3"]), Node("Mul", ["g3", "half"], ["gelu"]),
        ]
        nodes.append(Node("Add", ["norm1", linear("gelu", "down", [4 * width, width], seed: 15)], ["end"]))
        _ = normalized("end", "norm2")
        nodes[nodes.count - 1].outputs = ["y"]
        return model(nodes, inputs: [], initializers: initializers, ids: Value("ids", .tensor(.int64, [.symbolic("n"), .fixed(length)])))
    }
}

extension Models {
    /// A small residual network: two convolutions with a shortcut, a pooling, and a classifier.
    static func residual() -> Model {
        let pads = Attribute("pads", .ints([1, 1, 1, 1]))
        func filter(_ shape: Shape, _ seed: UInt64) -> Tensor { weight(shape, seed: seed) { _ in 0.3 } }
        return model(
            [
                Node("Conv", ["x", "w0", "b0"], ["a0"], name: "stem", [pads]), Node("Relu", ["a0"], ["a1"], name: "relu0"),
                Node(
                    "MaxPool", ["a1"], ["a2"], name: "pool",
                    [Attribute("kernel_shape", .ints([2, 2])), Attribute("strides", .ints([2, 2]))]),
                Node("Conv", ["a2", "w1", "b1"], ["a3"], name: "first", [pads]), Node("Relu", ["a3"], ["a4"], name: "relu1"),
                Node("Conv", ["a4", "w2"], ["a5"], name: "second", [pads]),
                Node("Add", ["a5", "a2"], ["a6"], name: "shortcut"), Node("Relu", ["a6"], ["a7"], name: "relu2"),
                Node("GlobalAveragePool", ["a7"], ["a8"], name: "mean"), Node("Flatten", ["a8"], ["a9"], name: "flat"),
                Node("Gemm", ["a9", "w3", "b3"], ["y"], name: "head", [Attribute("transB", .int(1))]),
            ], inputs: [("x", [.symbolic("n"), .fixed(3), .fixed(12), .fixed(12)])],
            initializers: [
                ("w0", filter([32, 3, 3, 3], 1)), ("b0", weight([32], seed: 2)), ("w1", filter([32, 32, 3, 3], 3)),
                ("b1", weight([32], seed: 4)),
                ("w2", filter([32, 32, 3, 3], 5)), ("w3", filter([24, 32], 6)), ("b3", weight([24], seed: 7)),
            ])
    }

    /// Rows for a model: `count` of them, with columns of different size.
    static func rows(_ model: Model, _ count: Int, seed: UInt64) -> [(String, Tensor)] {
        model.graph.requiredInputs.map { input in
            let shape = Shape(input.type?.dimensions?.map { $0.value ?? count } ?? [])
            if input.type?.elementType == .int64 {
                var generator = SeededGenerator(seed: seed)
                return (
                    input.name,
                    Tensor(.int64, shape, (0..<(shape.elementCount ?? 0)).map { _ in Int64.random(in: 0..<512, using: &generator) })
                )
            }
            return (input.name, weight(shape, seed: seed) { Float(1 + $0 % 4) * 0.5 })
        }
    }
}

/// Runs the model of a calibration on rows, and feeds in what it gives and the inputs.
func calibrate(_ calibration: inout Calibration, batches: Int = 4, rows: Int = 8) throws {
    let model = calibration.model
    let session = try Session(model: model.serialized(), options: SessionOptions(optimization: .none))
    for batch in 0..<batches {
        let inputs = Models.rows(model, rows, seed: UInt64(100 + batch))
        let outputs = try session.run(inputs.map { ($0.0, EngineValue.tensor($0.1)) })
        for (value, output) in zip(model.graph.outputs, outputs) where calibration.values.contains(value.name) {
            if case .tensor(let tensor) = output { try calibration.observe(value.name, tensor) }
        }
        for (name, tensor) in inputs where calibration.values.contains(name) { try calibration.observe(name, tensor) }
    }
}
