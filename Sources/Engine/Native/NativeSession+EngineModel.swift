import Tensors

/// A session of ONNX Runtime is a model that an engine has loaded.
extension NativeSession: EngineModel {
    func makeValue(_ tensor: Tensor, for info: ValueInfo) throws(EngineError) -> NativeValue {
        try carried(info) { () throws(NativeFailure) in try table.makeValue(tensor) }
    }

    func makeSequence(_ elements: [NativeValue], of element: ValueInfo.Kind, for info: ValueInfo) throws(EngineError) -> NativeValue {
        if elements.isEmpty { return try EmptySequence.make(of: element, info: info, table) }
        return try carried(info) { () throws(NativeFailure) in try table.makeCollection(elements, map: false) }
    }

    func makeMap(keys: Tensor, values: Tensor, for info: ValueInfo) throws(EngineError) -> NativeValue {
        try carried(info) { () throws(NativeFailure) in
            try table.makeCollection([table.makeValue(keys), table.makeValue(values)], map: true)
        }
    }

    func holds(_ value: NativeValue, _ tensor: Tensor) -> Bool { table.holds(value, tensor) }

    func run(
        _ values: [(index: Int, value: NativeValue)], outputs selected: [Int]?, cancellation: Cancellation?
    ) throws(EngineError) -> [NativeValue] {
        do {
            return try run(
                values.map(\.value), named: values.map { inputNames[$0.index] }, selected: selected, options: cancellation?.options)
        } catch {
            throw FailureWording.running(error)
        }
    }

    func makeBinding() throws(EngineError) -> any NativeBinding {
        do { return try NativeSessionBinding(self) } catch { throw .engine(printable(error.message)) }
    }

    func read(_ value: NativeValue, from info: ValueInfo) throws(EngineError) -> EngineValue {
        let contents = try carried(info) { () throws(NativeFailure) -> NativeContents? in
            if case .optional = info.kind, try !table.hasValue(value) { return nil }
            return try table.read(value)
        }
        switch contents {
        case nil: return .none
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

    private func carried<Value>(_ info: ValueInfo, _ work: () throws(NativeFailure) -> Value) throws(EngineError) -> Value {
        do { return try work() } catch {
            throw .unsupportedElementType(name: info.name, type: "\(info.kind)", detail: printable(error.message))
        }
    }
}
