import ONNXProto

extension Attribute {
    init(_ proto: Onnx_AttributeProto) {
        self.init(
            name: proto.hasName ? proto.name : nil, value: AttributeValue(proto),
            docString: proto.hasDocString ? proto.docString : nil)
        writesType = proto.hasType
        switch value {
        case .float: writesValue = proto.hasF
        case .int: writesValue = proto.hasI
        case .string: writesValue = proto.hasS
        default: break
        }
        unknownFields = proto.unknownFields
    }

    var proto: Onnx_AttributeProto {
        var proto = Onnx_AttributeProto()
        if case .unrecognized(let unrecognized) = value {
            proto = unrecognized.proto
            if let name = $name { proto.name = name } else { proto.clearName() }
            return proto
        }
        if let name = $name { proto.name = name }
        if let docString = $docString { proto.docString = docString }
        if writesType, let kind = value.kind { proto.type = kind.rawValue }
        proto.unknownFields = unknownFields
        switch value {
        case .float(let value): if writesValue || value != 0 { proto.f = value }
        case .int(let value): if writesValue || value != 0 { proto.i = value }
        case .string(let value): if writesValue || !value.isEmpty { proto.s = value }
        case .tensor(let value): proto.t = value.proto
        case .graph(let value): proto.g = value.proto
        case .sparseTensor(let value): proto.sparseTensor = value.proto
        case .type(let value): proto.tp = value.proto
        case .floats(let values): proto.floats = values
        case .ints(let values): proto.ints = values
        case .strings(let values): proto.strings = values
        case .tensors(let values): proto.tensors = values.map(\.proto)
        case .graphs(let values): proto.graphs = values.map(\.proto)
        case .sparseTensors(let values): proto.sparseTensors = values.map(\.proto)
        case .types(let values): proto.typeProtos = values.map(\.proto)
        case .reference(let name, _): proto.refAttrName = name
        case .unrecognized: break
        }
        return proto
    }
}

extension AttributeValue {
    /// Reads the one value that is set; where the oldest models leave the type out, it follows from the field that is set.
    init(_ proto: Onnx_AttributeProto) {
        let filled = proto.filledKinds
        func unrecognized(_ reason: String) -> AttributeValue { .unrecognized(UnrecognizedAttribute(proto: proto, reason: reason)) }
        if proto.hasRefAttrName {
            let kind = AttributeKind(rawValue: proto.type)
            let isPlain = filled.isEmpty && (kind != nil || !proto.hasType)
            self = isPlain ? .reference(proto.refAttrName, kind) : unrecognized("a reference that also has a value")
            return
        }
        guard filled.count <= 1 else {
            self = unrecognized("it has values of \(filled.count) types at once")
            return
        }
        let kind: AttributeKind
        if proto.hasType {
            guard let declared = AttributeKind(rawValue: proto.type) else {
                self = unrecognized("its type \(proto.type) is unknown")
                return
            }
            guard filled.isEmpty || filled == [declared] else {
                self = unrecognized("it is declared \(declared) but has a value of another type")
                return
            }
            kind = declared
        } else if let only = filled.first {
            kind = only
        } else {
            self = unrecognized("it has neither type nor value")
            return
        }
        switch kind {
        case .float: self = .float(proto.f)
        case .int: self = .int(proto.i)
        case .string: self = .string(proto.s)
        case .tensor where filled.isEmpty, .graph where filled.isEmpty, .sparseTensor where filled.isEmpty, .type where filled.isEmpty:
            self = unrecognized("it is declared \(kind) but has no value")
        case .tensor: self = .tensor(StoredTensor(proto.t))
        case .graph: self = .graph(Graph(proto.g))
        case .sparseTensor: self = .sparseTensor(SparseTensor(proto.sparseTensor))
        case .type: self = .type(StoredType(proto.tp))
        case .floats: self = .floats(proto.floats)
        case .ints: self = .ints(proto.ints)
        case .strings: self = .strings(proto.strings)
        case .tensors: self = .tensors(proto.tensors.map(StoredTensor.init))
        case .graphs: self = .graphs(proto.graphs.map(Graph.init))
        case .sparseTensors: self = .sparseTensors(proto.sparseTensors.map(SparseTensor.init))
        case .types: self = .types(proto.typeProtos.map(StoredType.init))
        }
    }
}

extension Onnx_AttributeProto {
    fileprivate var filledKinds: [AttributeKind] {
        var kinds: [AttributeKind] = []
        if hasF { kinds.append(.float) }
        if hasI { kinds.append(.int) }
        if hasS { kinds.append(.string) }
        if hasT { kinds.append(.tensor) }
        if hasG { kinds.append(.graph) }
        if hasSparseTensor { kinds.append(.sparseTensor) }
        if hasTp { kinds.append(.type) }
        if !floats.isEmpty { kinds.append(.floats) }
        if !ints.isEmpty { kinds.append(.ints) }
        if !strings.isEmpty { kinds.append(.strings) }
        if !tensors.isEmpty { kinds.append(.tensors) }
        if !graphs.isEmpty { kinds.append(.graphs) }
        if !sparseTensors.isEmpty { kinds.append(.sparseTensors) }
        if !typeProtos.isEmpty { kinds.append(.types) }
        return kinds
    }
}
