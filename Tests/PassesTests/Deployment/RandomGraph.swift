import ONNX
import Tensors
import TestSupport

/// Makes graphs at random of what the passes look for: no-operations, pairs that undo one another, layers, constants, copies, branches.
struct RandomGraph {
    private var generator: SeededGenerator
    private let opset: Int64
    /// Tells whether every pass keeps each bit. Only these graphs have quantization: where sums are rounded otherwise, an integer may be
    /// another.
    let isExact: Bool
    private var nodes: [Node] = []
    private var initializers: [(String, Tensor)] = []
    private var pool: [(name: String, shape: [Int])] = [("x", [2, 3, 4])]
    private var count = 0

    init(seed: UInt64) {
        generator = SeededGenerator(seed: seed)
        opset = [11, 13, 17, 20, 21].randomElement(using: &generator)!
        isExact = Bool.random(using: &generator)
    }

    /// Returns a model with an input `x` `[2, 3, 4]`, some of whose initializers may be overridden.
    mutating func model() -> Model {
        for _ in 0..<Int.random(in: 4...18, using: &generator) { grow() }
        var small = SmallModel(opset: opset, nodes, inputs: [("x", ramp([2, 3, 4]))], initializers: initializers, outputs: [])
        small.model.operatorSets.append(OperatorSet(domain: "com.microsoft", version: 1))
        let picked = Set((0..<3).compactMap { _ in pool.dropFirst().randomElement(using: &generator)?.name } + [pool.last!.name])
        small.model.graph.outputs = picked.subtracting(["x"]).sorted().map { Value($0, .tensor(.float32, nil)) }
        if Int.random(in: 0..<4, using: &generator) == 0, let name = initializers.randomElement(using: &generator)?.0 {
            small = small.overriding(name)
        }
        if Int.random(in: 0..<6, using: &generator) == 0 {
            for (name, _) in initializers where !small.model.graph.inputs.contains(where: { $0.name == name }) {
                small = small.overriding(name)
            }
            small.model.irVersion = 3
        }
        if Int.random(in: 0..<3, using: &generator) == 0, let name = pool.randomElement(using: &generator)?.name {
            small = small.alsoReadingInBranch(name)
            if small.model.irVersion == 3 { small = small.overriding("always") }
        }
        return small.model
    }

    private mutating func fresh() -> String {
        count += 1
        return "v\(count)"
    }

    /// Adds a constant, as an initializer or a node. Many are equal, since their values follow from their shape.
    private mutating func constant(_ tensor: Tensor) -> String {
        let name = fresh()
        if tensor.elementType == .float32, Int.random(in: 0..<4, using: &generator) == 0 {
            nodes.append(Node("Constant", [], [name], [Attribute("value", .tensor(StoredTensor("", tensor)))]))
        } else {
            initializers.append((name, tensor))
        }
        return name
    }

    @discardableResult
    private mutating func add(
        _ type: String, _ inputs: [String], _ shape: [Int], domain: String? = nil, _ attributes: [Attribute] = []
    ) -> String {
        let name = fresh()
        nodes.append(Node(type, inputs, [name], domain: domain, attributes))
        pool.append((name, shape))
        return name
    }

    private mutating func pick() -> (name: String, shape: [Int]) {
        // The newest values are read more often, so that chains grow.
        Bool.random(using: &generator) ? pool.last! : pool.randomElement(using: &generator)!
    }

    private mutating func grow() {
        let (value, shape) = pick()
        switch Int.random(in: 0..<(isExact ? 14 : 20), using: &generator) {
        case 0: add(["Identity", "Neg", "Abs", "Relu"].randomElement(using: &generator)!, [value], shape)
        case 1: add("Cast", [value], shape, [.int("to", 1)])
        case 2:
            add(
                ["Mul", "Div"].randomElement(using: &generator)!, [value, constant(scalar(Bool.random(using: &generator) ? 1 : 2))], shape)
        case 3: add("Sub", [value, constant(scalar(Bool.random(using: &generator) ? 0 : -0.0))], shape)
        case 4, 5:
            let order = Array(shape.indices).shuffled(using: &generator)
            add("Transpose", [value], order.map { shape[$0] }, [Attribute("perm", .ints(order.map { Int64($0) }))])
        case 6, 7: reshape(value, shape)
        case 8: add("Dropout", [value], shape)
        case 9: add("Concat", [value], shape, [.int("axis", 0)])
        case 10:
            guard let other = pool.filter({ $0.shape == shape }).randomElement(using: &generator)?.name else { return }
            add(["Add", "Sub", "Max"].randomElement(using: &generator)!, [value, other], shape)
        case 11:
            let sum = fresh(), first = constant(ramp(Shape(shape)))
            nodes.append(Node("Neg", [first], [sum]))
            add("Max", [value, sum], shape)
        case 12:
            guard let copied = nodes.filter({ $0.outputs.count == 1 && $0.subgraphs.isEmpty }).randomElement(using: &generator),
                let known = pool.first(where: { $0.name == copied.outputs[0] })
            else { return }
            add(copied.operatorType, copied.inputs, known.shape, domain: copied.domain, copied.attributes)
        case 13: isExact ? quantize(value, shape) : reshape(value, shape)
        case 14: multiply(value, shape)
        case 15: normalize(value, shape)
        case 16:
            add(["Gelu", "FastGelu", "QuickGelu"].randomElement(using: &generator)!, [value], shape, domain: "com.microsoft")
        case 17:
            guard shape.count >= 2 else { return }
            let columns = 2
            let weights = constant(ramp([columns, shape.last!]))
            add(
                "FusedMatMul", [value, weights], shape.dropLast() + [columns], domain: "com.microsoft",
                [.int("transB", 1), Attribute("alpha", .float(0.5))])
        case 18: add("Tanh", [value], shape)
        default: add("Softmax", [value], shape, [.int("axis", -1)])
        }
    }

    private mutating func reshape(_ value: String, _ shape: [Int]) {
        let total = shape.reduce(1, *)
        switch Int.random(in: 0..<5, using: &generator) {
        case 0: add("Reshape", [value, constant(ints([-1]))], [total])
        case 1 where shape.count >= 2:
            add("Reshape", [value, constant(ints([0, -1]))], [shape[0], total / shape[0]])
        case 2 where total % 12 == 0: add("Reshape", [value, constant(ints([2, -1, 3]))], [2, total / 6, 3])
        case 3 where shape.count >= 2: add("Flatten", [value], [shape[0], total / shape[0]])
        case 4 where shape.count <= 3 && opset >= 13:
            let wide = add("Unsqueeze", [value, constant(ints([0]))], [1] + shape)
            if Bool.random(using: &generator) { add("Squeeze", [wide, constant(ints([0]))], shape) }
        default: add("Reshape", [value, constant(ints(shape.map { Int64($0) }))], shape)
        }
    }

    /// Appends pairs of quantization whose parameters are the same or not.
    private mutating func quantize(_ value: String, _ shape: [Int]) {
        var last = value
        for _ in 0..<Int.random(in: 1...3, using: &generator) {
            let scale = constant(scalar([0.05, 0.05, 0.1].randomElement(using: &generator)!))
            let zero = constant(Tensor(.int8, [], [[3, 3, -7].randomElement(using: &generator)!] as [Int8]))
            let integer = fresh()
            nodes.append(Node("QuantizeLinear", [last, scale, zero], [integer]))
            last = add("DequantizeLinear", [integer, scale, zero], shape)
        }
    }

    private mutating func multiply(_ value: String, _ shape: [Int]) {
        guard shape.count >= 2, let rows = shape.last else { return }
        let columns = Int.random(in: 1...4, using: &generator), result = Array(shape.dropLast()) + [columns]
        let product = add("MatMul", [value, constant(ramp([rows, columns]))], result)
        add("Add", [product, constant(ramp([columns]))], result)
    }

    private mutating func normalize(_ value: String, _ shape: [Int]) {
        let channels = 3
        let normalized: String
        let result: [Int]
        if shape.count == 2 {
            result = [shape[0], channels]
            normalized = add("Gemm", [value, constant(ramp([shape[1], channels])), constant(ramp([channels]))], result)
        } else if shape.count == 3 {
            result = [shape[0], channels, shape[2]]
            normalized = add("Conv", [value, constant(ramp([channels, shape[1], 1]))], result)
        } else {
            return
        }
        let variance = constant(floats(0.5, 1, 2))
        let statistics = (0..<3).map { _ in constant(ramp([channels])) }
        add("BatchNormalization", [normalized] + statistics + [variance], result)
    }
}
