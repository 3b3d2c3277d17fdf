import ONNX
import Tensors

/// Lowers LinearClassifier and LinearRegressor to a Gemm and the operators that turn its scores into the outputs.
enum LinearLowering {
    /// Returns the attributes that are trained, in the shapes of the training form.
    static func classifierParameters(_ node: Node) -> [AttributeParameters.Entry] {
        parameters(node, rows: node.attribute("intercepts")?.floats?.count ?? 0)
    }

    static func regressorParameters(_ node: Node) -> [AttributeParameters.Entry] {
        parameters(node, rows: Int(node.attribute("targets")?.int ?? 1))
    }

    private static func parameters(_ node: Node, rows: Int) -> [AttributeParameters.Entry] {
        guard rows > 0, let count = node.attribute("coefficients")?.floats?.count, count > 0, count % rows == 0 else { return [] }
        let hasIntercepts = node.attribute("intercepts")?.floats?.count == rows
        return [.init("coefficients", [rows, count / rows])] + (hasIntercepts ? [.init("intercepts", [rows])] : [])
    }

    static func classifier(_ l: inout Lowering) throws(Lowering.Refused) {
        let entries = classifierParameters(l.node)
        guard entries.count == 2, let rows = entries[0].shape.dimensions.first,
            let labels = l.labels(strings: "classlabels_strings", integers: "classlabels_ints")
        else { throw .notKnown }
        let transform = ScoreTransform(l.string("post_transform", "NONE"))
        let x = try l.rows(0, as: .float32)
        var weights = entries.map { l.parameter($0.attribute, $0.shape) }
        if rows == 2, transform == .logistic, labels.elementCount == 2, isMirrored(l.floats("coefficients")),
            isMirrored(l.floats("intercepts"))
        {
            for (position, entry) in entries.enumerated() {
                l.constrain(entry.attribute, .mirrored)
                weights[position] = l.add("Slice", [weights[position], l.integers([1]), l.integers([2]), l.integers([0])])
            }
            let (logits, probabilities) = l.twoClasses(gemm(&l, x, weights))
            l.give(0, label: argMax(&l, logits), of: labels)
            return l.give(1, probabilities)
        }
        let scores = gemm(&l, x, weights)
        if rows > 1 {
            guard labels.elementCount >= rows else { throw .notKnown }
            l.give(0, label: argMax(&l, scores), of: labels)
            return l.give(1, l.transformed(scores, transform))
        }
        // For PROBIT, ONNX Runtime writes only one number.
        guard labels.elementCount == 2, transform != .probit else { throw .notKnown }
        let isPositive = l.add("Greater", [scores, l.number(0, .float32)])
        let index = l.add("Reshape", [l.cast(isPositive, .int64), l.integers([-1])])
        l.give(0, label: index, of: labels)
        if transform == .logistic { return l.give(1, l.twoClasses(scores).probabilities) }
        l.give(1, l.concatenated([l.add("Sub", [l.number(1, .float32), scores]), scores]))
    }

    static func regressor(_ l: inout Lowering) throws(Lowering.Refused) {
        let entries = regressorParameters(l.node)
        guard let rows = entries.first?.shape.dimensions.first, l.elementType(0) == .float32 else { throw .notKnown }
        let x = try l.rows(0, as: .float32)
        let scores = gemm(&l, x, entries.map { l.parameter($0.attribute, $0.shape) })
        let transform = ScoreTransform(l.string("post_transform", "NONE"))
        l.give(0, rows > 1 || transform == .probit ? l.transformed(scores, transform) : scores)
    }

    private static func gemm(_ l: inout Lowering, _ x: String, _ weights: [String]) -> String {
        l.add("Gemm", [x] + weights, [Attribute("transB", .int(1))])
    }

    private static func argMax(_ l: inout Lowering, _ scores: String) -> String {
        l.add("ArgMax", [scores], [Attribute("axis", .int(1)), Attribute("keepdims", .int(0))])
    }

    /// Returns whether the first half is the negative of the second.
    private static func isMirrored(_ values: [Float]) -> Bool {
        let half = values.count / 2
        return values.count % 2 == 0 && (0..<half).allSatisfy { values[$0] == -values[half + $0] }
    }
}
