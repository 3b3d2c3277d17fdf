import Tensors

extension InferenceRules {
    static let indexing: [String: InferenceRule] = [
        "Gather": { (node) throws(ONNXError) in
            guard let data = node.extents(0), let indices = node.extents(1) else { return [.tensor(node.type(0), nil)] }
            let axis = try node.axis(node.int("axis", default: 0), rank: data.count)
            return [.tensor(node.type(0), Array(data[..<axis]) + indices + Array(data[(axis + 1)...]))]
        },
        "GatherElements": { (node) throws(ONNXError) in [.tensor(node.type(0), node.extents(1))] },
        "GatherND": { (node) throws(ONNXError) in
            guard let data = node.extents(0), let indices = node.extents(1), let width = indices.last?.value else {
                return [.tensor(node.type(0), nil)]
            }
            let batch = node.int("batch_dims", default: 0)
            guard batch >= 0, width >= 1, width <= data.count - batch else {
                throw node.invalid("index tuples of \(width) do not fit rank \(data.count) behind \(batch) batch axes")
            }
            return [.tensor(node.type(0), Array(indices.dropLast()) + Array(data[(batch + width)...]))]
        },
        "OneHot": { (node) throws(ONNXError) in
            guard let indices = node.extents(0) else { return [.tensor(node.type(2), nil)] }
            let axis = try node.axis(node.int("axis", default: -1), rank: indices.count + 1)
            var extents = indices
            extents.insert(node.content(1)?.first ?? .unknown, at: axis)
            return [.tensor(node.type(2), extents)]
        },
        "TopK": { (node) throws(ONNXError) in
            guard var extents = node.extents(0) else { return [.tensor(node.type(0), nil), .tensor(.int64, nil)] }
            let axis = try node.axis(node.int("axis", default: -1), rank: extents.count)
            extents[axis] = node.int("k").map(Dimension.fixed) ?? node.content(1)?.first ?? .unknown
            return [.tensor(node.type(0), extents), .tensor(.int64, extents)]
        },
        "NonZero": { (node) throws(ONNXError) in
            // A scalar counts as one axis.
            [.tensor(.int64, [node.extents(0).map { .fixed(max($0.count, 1)) } ?? .unknown, .unknown])]
        },
        "Unique": { (node) throws(ONNXError) in
            let list = ValueType.tensor(.int64, [.unknown])
            guard let axis = node.int("axis") else { return [.tensor(node.type(0), [.unknown]), list, list, list] }
            guard var extents = node.extents(0) else { return [.tensor(node.type(0), nil), list, list, list] }
            extents[try node.axis(axis, rank: extents.count)] = .unknown
            return [.tensor(node.type(0), extents), list, list, list]
        },
        "Compress": { (node) throws(ONNXError) in
            guard let axis = node.int("axis") else { return [.tensor(node.type(0), [.unknown])] }
            guard var extents = node.extents(0) else { return [.tensor(node.type(0), nil)] }
            extents[try node.axis(axis, rank: extents.count)] = .unknown
            return [.tensor(node.type(0), extents)]
        },
        "NonMaxSuppression": { (node) throws(ONNXError) in [.tensor(.int64, [.unknown, .fixed(3)])] },
    ]
}
