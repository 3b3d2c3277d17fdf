import Tensors

/// Checks values that go in against the model's declarations, and reads values that come out.
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
        return try native(info) { () throws(NativeFailure) in try table.makeValue(tensor) }
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
            if elements.isEmpty { return try EmptySequence.make(of: element, info: info, table) }
            var values: [NativeValue] = []
            for value in elements { values.append(try makeValue(value, kind: element, info)) }
            return try native(info) { () throws(NativeFailure) in try table.makeCollection(values, map: false) }
        case (.map(let keys, let mapped), .map):
            return try native(info) { () throws(NativeFailure) in
                try table.makeCollection([table.makeValue(keys), table.makeValue(mapped)], map: true)
            }
        default:
            throw .wrongType(input: info.name, expected: "\(kind)", found: value.kindName)
        }
    }

    func native(_ info: ValueInfo, _ make: () throws(NativeFailure) -> NativeValue) throws(EngineError) -> NativeValue {
        do { return try make() } catch {
            throw .unsupportedElementType(name: info.name, type: "\(info.kind)", detail: printable(error.message))
        }
    }

    func read(_ value: NativeValue, from info: ValueInfo) throws(EngineError) -> EngineValue {
        let contents: NativeContents
        do throws(NativeFailure) {
            if case .optional = info.kind, try !table.hasValue(value) { return .none }
            contents = try table.read(value)
        } catch {
            throw .unsupportedElementType(name: info.name, type: "\(info.kind)", detail: printable(error.message))
        }
        switch contents {
        case .tensor(let tensor):
            return .tensor(tensor)
        case .strings(let strings, let shape):
            var texts: [String] = []
            texts.reserveCapacity(strings.count)
            for (index, string) in strings.enumerated() {
                guard let string else { throw .notText(output: info.name, element: index) }
                texts.append(string)
            }
            return .tensor(Tensor(strings: texts, shape: shape))
        case .sequence(let elements):
            var read: [EngineValue] = []
            read.reserveCapacity(elements.count)
            for element in elements { read.append(try self.read(element, from: info)) }
            return .sequence(read)
        case .map(let keys, let values):
            guard case .tensor(let keys) = try read(keys, from: info), case .tensor(let values) = try read(values, from: info) else {
                throw .unsupportedElementType(name: info.name, type: "\(info.kind)", detail: "a map that does not hold tensors")
            }
            return .map(keys: keys, values: values)
        case .unreadable(let what):
            throw .unsupportedElementType(name: info.name, type: what, detail: "no such type is known here")
        }
    }
}
