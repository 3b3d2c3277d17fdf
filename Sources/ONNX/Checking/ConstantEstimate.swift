import Tensors

/// Adds up the work that does not depend on a model's inputs, which an engine does when it loads the model: bytes, multiply-adds, and the
/// turns of loops. The facts come from `TypeInference`, one node after another; unknown amounts are not counted.
struct ConstantEstimate {
    private let byteLimit: Int
    private let multiplyAddLimit: Int
    private let turnLimit: Int
    private var bytes = 0
    private var multiplyAdds = 0
    /// The number of times that the present nodes run, because of the loops around them.
    private var turns = 1

    init(_ model: Model, _ bounds: ModelBounds) {
        var stored = 0
        var elements = 0
        let add = { (tensor: StoredTensor) in
            stored = stored.saturatingAdd(tensor.byteCount ?? 0)
            elements = elements.saturatingAdd(tensor.elementCount ?? 0)
        }
        model.graph.forEachTensor { _, tensor in add(tensor) }
        for function in model.functions { function.body.forEachTensor { _, tensor in add(tensor) } }
        byteLimit = bounds.constantBytes(stored: stored)
        multiplyAddLimit = bounds.multiplyAdds(storedElements: elements)
        turnLimit = bounds.turns
    }

    /// Adds a node whose inputs are all constant.
    mutating func add(_ node: InferenceNode, outputs: [ValueType?]) throws(ONNXError) {
        for case let output? in outputs {
            guard let count = output.elementCount else { continue }
            bytes = bytes.saturatingAdd(output.elementType?.byteCount(elements: count) ?? count.saturatingMultiply(8))
        }
        guard bytes <= byteLimit else {
            throw .tooCostly(
                place: node.node.place,
                reason: "with it, more than \(byteLimit >> 20) MiB are computed from constants alone while the model is loaded; store "
                    + "smaller constants, or compute them from an input")
        }
        multiplyAdds = multiplyAdds.saturatingAdd(Self.multiplyAdds(node, outputs))
        guard multiplyAdds <= multiplyAddLimit else {
            throw .tooCostly(
                place: node.node.place,
                reason: "with it, more than \(multiplyAddLimit) multiply-adds are made from constants alone while the model is loaded; "
                    + "store their result instead")
        }
    }

    /// Enters the body of a loop that makes `count` turns each time it is run; `Int.max` where nothing ends it.
    /// - Returns: the value that `leaveLoop` takes.
    mutating func enterLoop(_ count: Int, _ node: Node) throws(ONNXError) -> Int {
        let around = turns
        turns = around.saturatingMultiply(max(count, 1))
        guard turns <= turnLimit else {
            throw .tooCostly(
                place: node.place,
                reason: (count == .max ? "it has no trip count" : "its trip count is \(count)")
                    + (around > 1 ? " in \(around) turns of the loops around it" : "")
                    + " and no condition ends it; at most \(turnLimit) turns are allowed")
        }
        return around
    }

    mutating func leaveLoop(_ around: Int) { turns = around }

    private static func multiplyAdds(_ node: InferenceNode, _ outputs: [ValueType?]) -> Int {
        let output = outputs.first.flatMap { $0?.elementCount } ?? 0
        func extent(_ input: Int, _ axis: Int) -> Int {
            guard let extents = node.extents(input) else { return 1 }
            let position = axis < 0 ? axis + extents.count : axis
            return extents.indices.contains(position) ? extents[position].value ?? 1 : 1
        }
        func count(_ input: Int) -> Int { node.input(input)?.elementCount ?? 1 }
        switch node.node.operatorType {
        case "MatMul", "MatMulInteger", "QLinearMatMul": return output.saturatingMultiply(extent(0, -1))
        case "Gemm": return output.saturatingMultiply(extent(0, node.int("transA") == 1 ? 0 : 1))
        case "Conv", "ConvInteger": return output.saturatingMultiply(count(1) / max(extent(1, 0), 1))
        case "QLinearConv": return output.saturatingMultiply(count(3) / max(extent(3, 0), 1))
        case "ConvTranspose": return count(0).saturatingMultiply(count(1) / max(extent(1, 0), 1))
        case "Einsum": return einsum(node) ?? output
        default: return node.inputs.reduce(output) { max($0, $1?.elementCount ?? 0) }
        }
    }

    /// Returns the product of the extents of all letters; nil where there is an ellipsis.
    private static func einsum(_ node: InferenceNode) -> Int? {
        guard let equation = node.string("equation"), !equation.contains(".") else { return nil }
        let terms = equation.prefix { $0 != "-" }.filter { $0 != " " }.split(separator: ",", omittingEmptySubsequences: false)
        var extents: [Character: Int] = [:]
        for (position, term) in terms.enumerated() {
            guard let shape = node.extents(position), shape.count == term.count else { return nil }
            for (letter, extent) in zip(term, shape) { extents[letter] = max(extents[letter] ?? 1, extent.value ?? 1) }
        }
        return extents.values.reduce(1) { $0.saturatingMultiply($1) }
    }
}

extension ValueType {
    /// The number of elements; nil where the value is no tensor or an extent is open; `Int.max` where the number is larger.
    fileprivate var elementCount: Int? {
        guard case .tensor(_, let extents?) = self else { return nil }
        var count = 1
        for extent in extents {
            guard let value = extent.value, value >= 0 else { return nil }
            count = count.saturatingMultiply(value)
        }
        return count
    }
}
