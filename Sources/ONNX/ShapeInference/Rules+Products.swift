import Tensors

extension InferenceRules {
    static let products: [String: InferenceRule] = [
        "MatMul": { (node) throws(ONNXError) in [.tensor(node.type(0) ?? node.type(1), try matrixProduct(node, 0, 1))] },
        "MatMulInteger": { (node) throws(ONNXError) in [.tensor(.int32, try matrixProduct(node, 0, 1))] },
        "QLinearMatMul": { (node) throws(ONNXError) in [.tensor(node.type(7), try matrixProduct(node, 0, 3))] },
        "Gemm": { (node) throws(ONNXError) in
            let type = node.type(0) ?? node.type(1)
            guard let a = node.extents(0), let b = node.extents(1) else { return [.tensor(type, [.unknown, .unknown])] }
            guard a.count == 2, b.count == 2 else { throw node.invalid("Gemm takes matrices, not ranks \(a.count) and \(b.count)") }
            let left = node.int("transA", default: 0) != 0 ? [a[1], a[0]] : a
            let right = node.int("transB", default: 0) != 0 ? [b[1], b[0]] : b
            _ = try node.merge(left[1], right[0], "the inner extents differ")
            return [.tensor(type, [left[0], right[1]])]
        },
        "Einsum": { (node) throws(ONNXError) in [.tensor(node.type(0), try einsum(node))] },
        "Det": { (node) throws(ONNXError) in [.tensor(node.type(0), node.extents(0).map { Array($0.dropLast(2)) })] },
    ]

    /// Returns the extents of a product. Vectors get an axis that is removed again (ONNX operator MatMul-13, as `numpy.matmul`).
    private static func matrixProduct(_ node: InferenceNode, _ first: Int, _ second: Int) throws(ONNXError) -> [Dimension]? {
        guard var a = node.extents(first), var b = node.extents(second) else { return nil }
        try node.require(rank: 1, a, "the first factor")
        try node.require(rank: 1, b, "the second factor")
        let isRow = a.count == 1
        let isColumn = b.count == 1
        if isRow { a.insert(.fixed(1), at: 0) }
        if isColumn { b.append(.fixed(1)) }
        _ = try node.merge(a[a.count - 1], b[b.count - 2], "the inner extents differ")
        guard let batch = [Dimension].broadcast(Array(a.dropLast(2)), Array(b.dropLast(2))) else {
            throw node.invalid("the batch shapes do not broadcast")
        }
        return batch + (isRow ? [] : [a[a.count - 2]]) + (isColumn ? [] : [b[b.count - 1]])
    }

    /// Returns the extents of an Einsum, for explicit and implicit equations; an ellipsis broadcasts (ONNX operator Einsum-12).
    private static func einsum(_ node: InferenceNode) throws(ONNXError) -> [Dimension]? {
        guard let equation = node.string("equation")?.filter({ $0 != " " }) else { throw node.invalid("it has no equation") }
        let sides = equation.split(separator: ">", omittingEmptySubsequences: false)
        let isExplicit = sides.count == 2
        let terms = (isExplicit ? sides[0].dropLast() : sides[0]).split(separator: ",", omittingEmptySubsequences: false)
        guard terms.count == node.node.inputs.count else {
            throw node.invalid("the equation '\(equation)' has \(terms.count) terms for \(node.node.inputs.count) inputs")
        }
        var extents: [Character: Dimension] = [:]
        var ellipsis: [Dimension] = []
        var counts: [Character: Int] = [:]
        for (position, term) in terms.enumerated() {
            let letters = term.filter { $0 != "." }
            for letter in letters { counts[letter, default: 0] += 1 }
            guard let shape = node.extents(position) else { return nil }
            let head = (term.split(separator: "...", omittingEmptySubsequences: false).first ?? "").filter { $0 != "." }.count
            let hidden = shape.count - letters.count
            guard hidden >= 0, head <= letters.count, hidden == 0 || term.contains("...") else {
                throw node.invalid("the term '\(term)' does not fit rank \(shape.count)")
            }
            guard let wider = [Dimension].broadcast(ellipsis, Array(shape[head..<(head + hidden)])) else {
                throw node.invalid("the shapes under '...' do not broadcast")
            }
            ellipsis = wider
            let visible = Array(shape[..<head]) + Array(shape[(head + hidden)...])
            for (letter, extent) in zip(letters, visible) {
                guard let merged = Dimension.broadcast(extents[letter] ?? .fixed(1), extent) else {
                    throw node.invalid("'\(letter)' stands for different extents")
                }
                extents[letter] = merged
            }
        }
        let output: String
        if isExplicit {
            output = String(sides[1])
        } else {
            let single = counts.filter { $0.value == 1 }.keys.sorted()
            output = (terms.contains { $0.contains("...") } ? "..." : "") + String(single)
        }
        var result: [Dimension] = []
        var rest = output[...]
        while let letter = rest.first {
            if rest.hasPrefix("...") {
                result += ellipsis
                rest = rest.dropFirst(3)
            } else {
                result.append(extents[letter] ?? .unknown)
                rest = rest.dropFirst()
            }
        }
        return result
    }
}
