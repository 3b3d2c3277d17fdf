import COnnxRuntime
import Tensors

extension Native.Table {
    /// Returns the declarations of the inputs or of the outputs, in their order.
    func declarations(of session: OpaquePointer, inputs: Bool) throws(NativeFailure) -> [ValueInfo] {
        var count = 0
        try check(inputs ? api.pointee.SessionGetInputCount(session, &count) : api.pointee.SessionGetOutputCount(session, &count))
        var values: [ValueInfo] = []
        for index in 0..<count {
            var name: UnsafeMutablePointer<CChar>?
            try check(
                inputs
                    ? api.pointee.SessionGetInputName(session, index, allocator, &name)
                    : api.pointee.SessionGetOutputName(session, index, allocator, &name))
            defer { _ = api.pointee.AllocatorFree(allocator, name) }
            let info = try take {
                inputs
                    ? api.pointee.SessionGetInputTypeInfo(session, index, &$0)
                    : api.pointee.SessionGetOutputTypeInfo(session, index, &$0)
            }
            defer { api.pointee.ReleaseTypeInfo(info) }
            values.append(ValueInfo(name: name.map { String(cString: $0) } ?? "", kind: try kind(of: info)))
        }
        return values
    }

    private func kind(of info: OpaquePointer) throws(NativeFailure) -> ValueInfo.Kind {
        var type = ONNX_TYPE_UNKNOWN
        try check(api.pointee.GetOnnxTypeFromTypeInfo(info, &type))
        var inner: OpaquePointer?
        switch type {
        case ONNX_TYPE_TENSOR, ONNX_TYPE_SPARSETENSOR:
            try check(api.pointee.CastTypeInfoToTensorInfo(info, &inner))
            guard let inner else { return .opaque }
            let (element, dimensions) = try elementAndDimensions(of: inner)
            return type == ONNX_TYPE_TENSOR
                ? .tensor(elementType: element, dimensions: dimensions) : .sparse(elementType: element, dimensions: dimensions)
        case ONNX_TYPE_SEQUENCE:
            try check(api.pointee.CastTypeInfoToSequenceTypeInfo(info, &inner))
            let element = try take { api.pointee.GetSequenceElementType(inner!, &$0) }
            defer { api.pointee.ReleaseTypeInfo(element) }
            return .sequence(try kind(of: element))
        case ONNX_TYPE_MAP:
            try check(api.pointee.CastTypeInfoToMapTypeInfo(info, &inner))
            var key = ONNX_TENSOR_ELEMENT_DATA_TYPE_UNDEFINED
            try check(api.pointee.GetMapKeyType(inner!, &key))
            let value = try take { api.pointee.GetMapValueType(inner!, &$0) }
            defer { api.pointee.ReleaseTypeInfo(value) }
            return .map(key: NativeElementType.toONNX(key), value: try kind(of: value))
        case ONNX_TYPE_OPTIONAL:
            try check(api.pointee.CastTypeInfoToOptionalTypeInfo(info, &inner))
            let element = try take { api.pointee.GetOptionalContainedTypeInfo(inner!, &$0) }
            defer { api.pointee.ReleaseTypeInfo(element) }
            return .optional(try kind(of: element))
        default:
            return .opaque
        }
    }

    private func elementAndDimensions(of info: OpaquePointer) throws(NativeFailure) -> (Int32, [Dimension]) {
        let (element, extents) = try elementAndExtents(of: info)
        var names = [UnsafePointer<CChar>?](repeating: nil, count: extents.count)
        try check(api.pointee.GetSymbolicDimensions(info, &names, names.count))
        let dimensions = zip(extents, names).map { extent, name -> Dimension in
            if extent >= 0 { return .fixed(extent) }
            let name = name.map { String(cString: $0) } ?? ""
            return name.isEmpty ? .unknown : .symbolic(name)
        }
        return (NativeElementType.toONNX(element), dimensions)
    }

    func elementAndExtents(of info: OpaquePointer) throws(NativeFailure) -> (ONNXTensorElementDataType, [Int]) {
        var element = ONNX_TENSOR_ELEMENT_DATA_TYPE_UNDEFINED
        var rank = 0
        try check(api.pointee.GetTensorElementType(info, &element))
        try check(api.pointee.GetDimensionsCount(info, &rank))
        guard rank > 0 else { return (element, []) }
        var extents = [Int64](repeating: 0, count: rank)
        try check(api.pointee.GetDimensions(info, &extents, rank))
        return (element, extents.map(Int.init))
    }
}
