import Tensors

/// Checks values that go in against the model's declarations.
extension Session {
    func makeValue(_ value: EngineValue, for info: ValueInfo) throws(EngineError) -> NativeValue {
        if case .tensor(let tensor) = value, case .tensor = info.kind { return try makeValue(tensor, for: info) }
        return try makeValue(value, kind: info.kind, info)
    }

    func makeValue(_ tensor: Tensor, for info: ValueInfo) throws(EngineError) -> NativeValue {
        guard case .tensor(let type, let dimensions) = info.kind else {
            return try makeValue(.tensor(tensor), kind: info.kind, info)
        }
        guard tensor.elementType.rawValue == type else {
            throw .wrongType(input: info.name, expected: "\(info.kind)", found: tensor.elementType.name)
        }
        try Self.check(tensor.shape, dimensions, info)
        return try model.makeValue(tensor, for: info)
    }

    static func check(_ shape: Shape, _ dimensions: [Dimension], _ info: ValueInfo) throws(EngineError) {
        // A model may leave the rank open; the runtime then reports no dimensions, as it does for scalars.
        if dimensions.isEmpty { return }
        var fits = shape.rank == dimensions.count
        if fits {
            for axis in dimensions.indices {
                if case .fixed(let extent) = dimensions[axis], extent != shape.dimensions[axis] { fits = false }
            }
        }
        guard fits else {
            let expected = "[" + dimensions.map(\.description).joined(separator: ", ") + "]"
            throw .wrongShape(input: info.name, expected: expected, found: "\(shape)")
        }
    }

    private func makeValue(_ value: EngineValue, kind: ValueInfo.Kind, _ info: ValueInfo) throws(EngineError) -> NativeValue {
        switch (value, kind) {
        case (_, .optional(let element)):
            return try makeValue(value, kind: element, info)
        case (.tensor(let tensor), .tensor):
            return try makeValue(tensor, for: ValueInfo(name: info.name, kind: kind))
        case (.sequence(let elements), .sequence(let element)):
            var values: [NativeValue] = []
            for value in elements { values.append(try makeValue(value, kind: element, info)) }
            return try model.makeSequence(values, of: element, for: info)
        case (.map(let keys, let mapped), .map):
            return try model.makeMap(keys: keys, values: mapped, for: info)
        default:
            throw .wrongType(input: info.name, expected: "\(kind)", found: value.kindName)
        }
    }
}
