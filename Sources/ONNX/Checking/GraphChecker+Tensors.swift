import ONNXProto
import Tensors

extension GraphChecker {
    /// Throws where a shape is too large to have an element count.
    func check(_ type: ValueType?, _ place: String) throws(ONNXError) {
        switch type {
        case .tensor(_, let dimensions), .sparseTensor(_, let dimensions):
            let fixed = Shape((dimensions ?? []).compactMap(\.value))
            if fixed.elementCount == nil { throw .invalid(place: place, reason: "its shape \(fixed) is too large") }
        case .sequence(let element), .optional(let element): try check(element, place)
        case .map(_, let value): try check(value, place)
        case .opaque, nil: break
        }
    }

    func check(_ tensor: StoredTensor, _ place: String) throws(ONNXError) {
        let proto = tensor.proto
        guard ElementCode.isKnown(proto.dataType) else {
            throw .invalid(place: place, reason: "its element type \(proto.dataType) does not exist")
        }
        if let negative = proto.dims.first(where: { $0 < 0 }) {
            throw .invalid(place: place, reason: "it has the negative dimension \(negative)")
        }
        guard let count = tensor.elementCount, let byteCount = tensor.byteCount else {
            throw .invalid(place: place, reason: "its shape \(tensor.shape) is too large")
        }
        if proto.hasSegment { throw .unsupported(place: place, reason: "tensors stored in segments are not implemented") }
        guard (0...1).contains(proto.dataLocation) else {
            throw .invalid(place: place, reason: "its data location \(proto.dataLocation) does not exist")
        }
        if tensor.isExternal {
            if requiresFiles && externalData == nil {
                throw .externalData(tensor: tensor.name, location: tensor.externalLocation ?? "", problem: .noDirectory)
            }
            guard proto.storedLists.isEmpty && !proto.hasRawData else {
                throw .invalid(place: place, reason: "it has data here and in another file at once")
            }
            _ = try tensor.externalReference()
            try externalData?.check(tensor)
            return
        }
        guard proto.externalData.isEmpty else {
            throw .invalid(place: place, reason: "it names external data but is not declared external")
        }
        guard proto.storedLists.count + (proto.hasRawData ? 1 : 0) <= 1 else {
            throw .invalid(place: place, reason: "it has data in \((["raw_data"] + proto.storedLists).joined(separator: ", ")) at once")
        }
        if proto.hasRawData {
            if tensor.elementType == .string { throw .invalid(place: place, reason: "strings cannot be raw data") }
            guard proto.rawData.count == byteCount else {
                throw .invalid(
                    place: place,
                    reason: "it has \(proto.rawData.count) bytes of raw data, but its type and shape \(tensor.shape) need \(byteCount)")
            }
            return
        }
        let layout: (field: String, needed: Int, found: Int) =
            try tensor.elementType.map { (type) throws(ONNXError) in try tensor.typedLayout(type, count: count) }
            ?? ("int32_data", count, proto.int32Data.count)
        guard layout.found == layout.needed, proto.storedLists.allSatisfy({ $0 == layout.field }) else {
            throw .invalid(
                place: place,
                reason: "it has \(layout.found) entries in \(layout.field), but its type and shape \(tensor.shape) need \(layout.needed)")
        }
    }

    func check(_ sparse: SparseTensor, _ place: String) throws(ONNXError) {
        try check(sparse.values, place)
        try check(sparse.indices, "indices of \(place)")
        guard sparse.shape.elementCount != nil else { throw .invalid(place: place, reason: "its shape \(sparse.shape) is impossible") }
        if requiresFiles || !sparse.indices.isExternal { _ = try sparse.positions(externalData: externalData) }
    }
}

extension Onnx_TensorProto {
    /// The names of the typed lists that are not empty.
    fileprivate var storedLists: [String] {
        var lists: [String] = []
        if !floatData.isEmpty { lists.append("float_data") }
        if !int32Data.isEmpty { lists.append("int32_data") }
        if !stringData.isEmpty { lists.append("string_data") }
        if !int64Data.isEmpty { lists.append("int64_data") }
        if !doubleData.isEmpty { lists.append("double_data") }
        if !uint64Data.isEmpty { lists.append("uint64_data") }
        return lists
    }
}
