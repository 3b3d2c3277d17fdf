import Tensors

extension InferenceRules {
    static let reductions: [String: InferenceRule] =
        family([
            "ReduceSum", "ReduceMean", "ReduceMax", "ReduceMin", "ReduceProd", "ReduceL1", "ReduceL2", "ReduceSumSquare", "ReduceLogSum",
            "ReduceLogSumExp",
        ]) { (node) throws(ONNXError) in [.tensor(node.type(0), try reduced(node))] }
        .merging(
            family(["ArgMax", "ArgMin"]) { (node) throws(ONNXError) in
                guard let input = node.extents(0) else { return [.tensor(.int64, nil)] }
                let axis = try node.axis(node.int("axis", default: 0), rank: input.count)
                return [.tensor(.int64, drop([axis], of: input, keeping: node.int("keepdims", default: 1) != 0))]
            }
        ) { $1 }

    private static func reduced(_ node: InferenceNode) throws(ONNXError) -> [Dimension]? {
        guard let input = node.extents(0) else { return nil }
        let keeps = node.int("keepdims", default: 1) != 0
        switch node.axes(input: 1) {
        case .some(.none):
            // It is not known which axes are reduced; the rank is known where they are kept.
            return keeps ? input.map { _ in .unknown } : nil
        case .none, .some(.some([])):
            if node.int("noop_with_empty_axes", default: 0) != 0 { return input }
            return drop(Array(input.indices), of: input, keeping: keeps)
        case .some(.some(let axes)):
            return drop(try node.axes(axes, rank: input.count), of: input, keeping: keeps)
        }
    }

    private static func drop(_ axes: [Int], of input: [Dimension], keeping: Bool) -> [Dimension] {
        let dropped = Set(axes)
        return keeping
            ? input.enumerated().map { dropped.contains($0.offset) ? .fixed(1) : $0.element }
            : input.enumerated().filter { !dropped.contains($0.offset) }.map(\.element)
    }
}
