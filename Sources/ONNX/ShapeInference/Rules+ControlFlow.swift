import Tensors

extension InferenceRules {
    static let controlFlow: [String: InferenceRule] = [
        "If": { (node) throws(ONNXError) in
            guard case .graph(let first)? = node.node[attribute: "then_branch"],
                case .graph(let second)? = node.node[attribute: "else_branch"]
            else { throw node.invalid("it lacks a branch") }
            let left = try node.infer(first, [])
            let right = try node.infer(second, [])
            guard left.count == right.count else { throw node.invalid("its branches have \(left.count) and \(right.count) outputs") }
            return zip(left, right).map { ValueType.union($0, $1) }
        },
        // The body takes iteration, condition and carried values; it gives condition, carried values and scanned values (ONNX operator
        // Loop-11).
        "Loop": { (node) throws(ONNXError) in
            guard case .graph(let body)? = node.node[attribute: "body"] else { throw node.invalid("it has no body") }
            let carried = max(0, node.node.inputs.count - 2)
            // Carried values may change their shape from one round to the next: only the element type is certain at the start.
            let loose = (0..<carried).map { position -> ValueType? in node.input(position + 2).map(withoutShape) }
            let results = try node.infer(body, [.tensor(.int64, []), .tensor(.bool, [])] + loose)
            guard results.count >= carried + 1 else {
                throw node.invalid("its body has \(results.count) outputs for \(carried) carried values")
            }
            let kept = (0..<carried).map { ValueType.union(node.input($0 + 2), results[$0 + 1]) }
            return kept + results[(carried + 1)...].map { stacked($0, at: 0, count: .unknown) }
        },
        // The body takes states and slices, and gives states and slices (ONNX operator Scan-9).
        "Scan": { (node) throws(ONNXError) in
            guard case .graph(let body)? = node.node[attribute: "body"], let scanned = node.int("num_scan_inputs") else {
                throw node.invalid("it has no body or no num_scan_inputs")
            }
            guard node.version >= 9 else { return [] }
            guard (1...max(1, node.node.inputs.count)).contains(scanned), !node.node.inputs.isEmpty else {
                throw node.invalid("\(scanned) scan inputs of \(node.node.inputs.count)")
            }
            let states = node.node.inputs.count - scanned
            let axes = node.ints("scan_input_axes") ?? [Int](repeating: 0, count: scanned)
            guard axes.count == scanned else { throw node.invalid("\(axes.count) scan_input_axes for \(scanned) scan inputs") }
            var count = Dimension.unknown
            var inputs: [ValueType?] = (0..<states).map { node.input($0) }
            for (position, given) in axes.enumerated() {
                guard var extents = node.extents(states + position) else {
                    inputs.append(.tensor(node.type(states + position), nil))
                    continue
                }
                let axis = try node.axis(given, rank: extents.count)
                count = try node.merge(count, extents.remove(at: axis), "its scan inputs have different lengths")
                inputs.append(.tensor(node.type(states + position), extents))
            }
            let results = try node.infer(body, inputs)
            guard results.count >= states else { throw node.invalid("its body has \(results.count) outputs for \(states) states") }
            let outputAxes = node.ints("scan_output_axes") ?? [Int](repeating: 0, count: results.count - states)
            return Array(results[..<states])
                + zip(results[states...], outputAxes).map { stacked($0, at: $1, count: count) }
        },
    ]

    private static func withoutShape(_ type: ValueType) -> ValueType {
        switch type {
        case .tensor(let element, _): .tensor(element, nil)
        case .sequence(.some(let element)): .sequence(withoutShape(element))
        case .optional(.some(let element)): .optional(withoutShape(element))
        default: type
        }
    }

    private static func stacked(_ type: ValueType?, at axis: Int, count: Dimension) -> ValueType? {
        guard case .tensor(let element, let extents)? = type else { return nil }
        guard var extents else { return .tensor(element, nil) }
        let position = axis < 0 ? axis + extents.count + 1 : axis
        guard (0...extents.count).contains(position) else { return .tensor(element, nil) }
        extents.insert(count, at: position)
        return .tensor(element, extents)
    }

    static let sequences: [String: InferenceRule] = [
        "SequenceConstruct": { (node) throws(ONNXError) in
            [.sequence(node.inputs.dropFirst().reduce(node.input(0)) { ValueType.union($0, $1) })]
        },
        "SequenceEmpty": { (node) throws(ONNXError) in [.sequence(.tensor(node.elementType("dtype") ?? .float32, nil))] },
        "SequenceAt": { (node) throws(ONNXError) in [element(node.input(0))] },
        "SequenceInsert": { (node) throws(ONNXError) in
            guard case .tensor(let type, _)? = element(node.input(0)) else { return [node.input(0)] }
            return [.sequence(.tensor(type, nil))]
        },
        "SequenceErase": sameAsFirst,
        "SequenceLength": { (node) throws(ONNXError) in [.tensor(.int64, [])] },
        "SplitToSequence": { (node) throws(ONNXError) in [.sequence(.tensor(node.type(0), nil))] },
        "ConcatFromSequence": { (node) throws(ONNXError) in
            guard case .tensor(let type, let extents)? = element(node.input(0)) else { return [nil] }
            let extra = node.int("new_axis", default: 0) != 0 ? 1 : 0
            return [.tensor(type, extents.map { [Dimension](repeating: .unknown, count: $0.count + extra) })]
        },
        "SequenceMap": { (node) throws(ONNXError) in
            guard case .graph(let body)? = node.node[attribute: "body"] else { throw node.invalid("it has no body") }
            let results = try node.infer(body, node.inputs.map { element($0) ?? $0 })
            return results.map { .sequence($0) }
        },
        "Optional": { (node) throws(ONNXError) in
            if case .type(let stored)? = node.node[attribute: "type"] { return [.optional(stored.type)] }
            return [.optional(node.input(0))]
        },
        "OptionalGetElement": { (node) throws(ONNXError) in
            guard case .optional(let type)? = node.input(0) else { return [node.input(0)] }
            return [type]
        },
        "OptionalHasElement": { (node) throws(ONNXError) in [.tensor(.bool, [])] },
    ]

    private static func element(_ type: ValueType?) -> ValueType? {
        guard case .sequence(let element)? = type else { return nil }
        return element
    }
}
