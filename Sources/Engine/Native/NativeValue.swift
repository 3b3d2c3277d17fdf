import COnnxRuntime
import Machine
import Tensors

extension NativeValue {
    /// Takes over an `OrtValue`.
    convenience init(_ pointer: OpaquePointer, _ table: Native.Table, backing: TensorBuffer? = nil) {
        self.init(pointer, backing: backing, free: table.api.pointee.ReleaseValue)
    }
}

/// Maps ONNX Runtime's element type numbers to ONNX's: they are the same up to 23, then in another order.
enum NativeElementType {
    private static let onnxNumbers: [UInt32: Int32] = [24: 25, 25: 26, 26: 24]
    private static let nativeNumbers: [Int32: UInt32] = [25: 24, 26: 25, 24: 26]

    static func toONNX(_ type: ONNXTensorElementDataType) -> Int32 {
        type.rawValue <= 23 ? Int32(type.rawValue) : onnxNumbers[type.rawValue] ?? Int32(type.rawValue)
    }

    static func toNative(_ type: ElementType) -> ONNXTensorElementDataType {
        let number = type.rawValue
        return .init(number <= 23 ? UInt32(number) : nativeNumbers[number] ?? UInt32(number))
    }
}

extension Native.Table {
    /// Makes a value that points into the tensor's buffer without copying; strings are copied.
    func makeValue(_ tensor: Tensor) throws(NativeFailure) -> NativeValue {
        switch tensor.storage {
        case .buffer(let buffer):
            return try makeValue(
                buffer, byteCount: tensor.bytes.count, NativeElementType.toNative(tensor.elementType), tensor.shape)
        case .strings(let strings):
            return try makeValue(strings, shape: tensor.shape)
        }
    }

    private func makeValue(
        _ buffer: TensorBuffer, byteCount: Int, _ type: ONNXTensorElementDataType, _ shape: Shape
    ) throws(NativeFailure) -> NativeValue {
        var pointer: OpaquePointer?
        let rank = shape.rank
        let status = withUnsafeTemporaryAllocation(of: Int64.self, capacity: max(rank, 1)) { extents in
            for axis in 0..<rank { extents[axis] = Int64(shape.dimensions[axis]) }
            return api.pointee.CreateTensorWithDataAsOrtValue(
                cpu, buffer.address, byteCount, extents.baseAddress, rank, type, &pointer)
        }
        try check(status)
        return NativeValue(pointer!, self, backing: buffer)
    }

    /// Makes a value of strings. They are written one by one with their lengths, so that a NUL inside a string is kept.
    private func makeValue(_ strings: [String], shape: Shape) throws(NativeFailure) -> NativeValue {
        let extents = shape.dimensions.map(Int64.init)
        let value = NativeValue(
            try take {
                api.pointee.CreateTensorAsOrtValue(
                    allocator, extents, extents.count, ONNX_TENSOR_ELEMENT_DATA_TYPE_STRING, &$0)
            }, self)
        for (index, string) in strings.enumerated() {
            var string = string
            let status = string.withUTF8 { text -> OpaquePointer? in
                var destination: UnsafeMutablePointer<CChar>?
                let status = api.pointee.GetResizedStringTensorElementBuffer(value.pointer, index, text.count, &destination)
                if status == nil, let destination, let source = text.baseAddress {
                    UnsafeMutableRawPointer(destination).copyMemory(from: source, byteCount: text.count)
                }
                return status
            }
            try check(status)
        }
        return value
    }

    func makeCollection(_ elements: [NativeValue], map: Bool) throws(NativeFailure) -> NativeValue {
        let pointers = elements.map { Optional($0.pointer) }
        let value = try take {
            api.pointee.CreateValue(pointers, pointers.count, map ? ONNX_TYPE_MAP : ONNX_TYPE_SEQUENCE, &$0)
        }
        withExtendedLifetime(elements) {}
        return NativeValue(value, self)
    }

    /// Returns whether `value` is a tensor that lies in the memory of `tensor` and has its type and shape.
    func holds(_ value: NativeValue, _ tensor: Tensor) -> Bool {
        guard case .buffer(let buffer) = tensor.storage else { return false }
        defer { withExtendedLifetime(value) {} }
        var isTensor: Int32 = 0
        var data: UnsafeMutableRawPointer?
        do throws(NativeFailure) {
            try check(api.pointee.IsTensor(value.pointer, &isTensor))
            guard isTensor != 0 else { return false }
            try check(api.pointee.GetTensorMutableData(value.pointer, &data))
            guard data == buffer.address else { return false }
            let info = try take { api.pointee.GetTensorTypeAndShape(value.pointer, &$0) }
            defer { api.pointee.ReleaseTensorTypeAndShapeInfo(info) }
            let (type, extents) = try elementAndExtents(of: info)
            return NativeElementType.toONNX(type) == tensor.elementType.rawValue && extents == tensor.shape.dimensions
        } catch { return false }
    }

    func hasValue(_ value: NativeValue) throws(NativeFailure) -> Bool {
        var has: Int32 = 0
        try check(api.pointee.HasValue(value.pointer, &has))
        return has != 0
    }

    /// Copies the value out of the engine's memory.
    func read(_ value: NativeValue) throws(NativeFailure) -> NativeContents {
        defer { withExtendedLifetime(value) {} }
        var type = ONNX_TYPE_UNKNOWN
        try check(api.pointee.GetValueType(value.pointer, &type))
        switch type {
        case ONNX_TYPE_TENSOR: return try readTensor(value)
        case ONNX_TYPE_SEQUENCE: return .sequence(try elements(of: value))
        case ONNX_TYPE_MAP:
            let parts = try elements(of: value)
            guard parts.count == 2 else { throw NativeFailure(code: ORT_FAIL, message: "a map without keys and values") }
            return .map(keys: parts[0], values: parts[1])
        default: return .unreadable("ONNX type \(type.rawValue)")
        }
    }

    private func elements(of value: NativeValue) throws(NativeFailure) -> [NativeValue] {
        var count = 0
        try check(api.pointee.GetValueCount(value.pointer, &count))
        var elements: [NativeValue] = []
        elements.reserveCapacity(count)
        for index in 0..<count {
            elements.append(
                NativeValue(try take { api.pointee.GetValue(value.pointer, Int32(index), allocator, &$0) }, self))
        }
        return elements
    }

    private func readTensor(_ value: NativeValue) throws(NativeFailure) -> NativeContents {
        let info = try take { api.pointee.GetTensorTypeAndShape(value.pointer, &$0) }
        defer { api.pointee.ReleaseTensorTypeAndShapeInfo(info) }
        let (native, extents) = try elementAndExtents(of: info)
        let shape = Shape(extents)
        let number = NativeElementType.toONNX(native)
        guard let type = ElementType(rawValue: number), let count = shape.elementCount else {
            return .unreadable("element type \(number), shape \(shape)")
        }
        guard let byteCount = type.byteCount(elements: count) else { return .strings(try readStrings(value, count), shape) }
        let buffer: TensorBuffer
        do throws(OutOfMemory) { buffer = try TensorBuffer(requested: byteCount) } catch {
            throw NativeFailure(code: ORT_FAIL, message: "\(error)")
        }
        if byteCount > 0 {
            var data: UnsafeMutableRawPointer?
            try check(api.pointee.GetTensorMutableData(value.pointer, &data))
            guard let data else { throw NativeFailure(code: ORT_FAIL, message: "a tensor without data") }
            buffer.address.copyMemory(from: data, byteCount: byteCount)
        }
        return .tensor(Tensor(elementType: type, shape: shape, buffer: buffer))
    }

    /// Returns the strings of a value; `nil` for an element that is not UTF-8.
    private func readStrings(_ value: NativeValue, _ count: Int) throws(NativeFailure) -> [String?] {
        guard count > 0 else { return [] }
        var length = 0
        try check(api.pointee.GetStringTensorDataLength(value.pointer, &length))
        var bytes = [UInt8](repeating: 0, count: max(length, 1))
        var offsets = [Int](repeating: 0, count: count)
        try check(api.pointee.GetStringTensorContent(value.pointer, &bytes, length, &offsets, count))
        return (0..<count).map { index in
            String(validating: bytes[offsets[index]..<(index + 1 < count ? offsets[index + 1] : length)], as: UTF8.self)
        }
    }
}

/// Holds the content of a value. Elements of sequences and maps are read one by one.
enum NativeContents {
    case tensor(Tensor)
    case strings([String?], Shape)
    case sequence([NativeValue])
    case map(keys: NativeValue, values: NativeValue)
    case unreadable(String)
}
