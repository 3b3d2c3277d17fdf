import Foundation
import Machine
import ONNXProto
package import Tensors

extension StoredTensor {
    /// Reads the elements. `directory` has the external data (`Model.externalData()` gives one); without it, external data is refused.
    package func tensor(externalData directory: ExternalDataDirectory? = nil) throws(ONNXError) -> Tensor {
        guard let elementType else { throw unsupported("element type \(proto.dataType) is not implemented") }
        guard let count = shape.elementCount else { throw invalid("the shape \(shape) has no element count") }
        if proto.hasSegment { throw unsupported("tensors stored in segments are not implemented") }
        if isExternal {
            guard let directory else {
                throw .externalData(tensor: name, location: externalLocation ?? "", problem: .noDirectory)
            }
            return try directory.tensor(self)
        }
        if elementType == .string { return try strings(count: count) }
        guard let byteCount = elementType.byteCount(elements: count) else { throw invalid("the shape \(shape) is too large") }
        if proto.hasRawData {
            let tensor = proto.rawData.withUnsafeBytes { Tensor(elementType: elementType, shape: shape, bytes: $0) }
            guard let tensor else {
                throw invalid("\(proto.rawData.count) bytes of raw data, but \(elementType.name)\(shape) needs \(byteCount)")
            }
            return tensor
        }
        let layout = try typedLayout(elementType, count: count)
        guard layout.found == layout.needed else {
            throw invalid("\(layout.found) entries in \(layout.field), but \(elementType.name)\(shape) needs \(layout.needed)")
        }
        let buffer: TensorBuffer
        do throws(OutOfMemory) { buffer = try TensorBuffer(requested: byteCount) } catch { throw .outOfMemory(error) }
        withExtendedLifetime(buffer) { copyTyped(elementType, into: buffer.mutableBytes) }
        return Tensor(elementType: elementType, shape: shape, buffer: buffer)
    }

    /// Describes where a type's elements are stored if they are not raw, how many entries they take and how many there are. (ONNX
    /// `TensorProto`: sub-byte types share an `int32_data` entry as they share a byte; complex numbers take two.)
    func typedLayout(_ type: ElementType, count: Int) throws(ONNXError) -> (field: String, needed: Int, found: Int) {
        switch type {
        case .float32: return ("float_data", count, proto.floatData.count)
        case .complex64: return ("float_data", try doubled(count), proto.floatData.count)
        case .float64: return ("double_data", count, proto.doubleData.count)
        case .complex128: return ("double_data", try doubled(count), proto.doubleData.count)
        case .int64: return ("int64_data", count, proto.int64Data.count)
        case .uint64, .uint32: return ("uint64_data", count, proto.uint64Data.count)
        case .string: return ("string_data", count, proto.stringData.count)
        case .uint4, .int4, .float4e2m1, .uint2, .int2:
            return ("int32_data", type.byteCount(elements: count) ?? Int.max, proto.int32Data.count)
        default: return ("int32_data", count, proto.int32Data.count)
        }
    }

    private func doubled(_ count: Int) throws(ONNXError) -> Int {
        guard count <= Int.max / 2 else { throw invalid("the shape \(shape) is too large") }
        return count * 2
    }

    private func copyTyped(_ type: ElementType, into bytes: UnsafeMutableRawBufferPointer) {
        func fill<Scalar: BitwiseCopyable>(_ values: some Collection<Scalar>) {
            for (position, value) in values.enumerated() {
                bytes.storeBytes(of: value, toByteOffset: position * MemoryLayout<Scalar>.stride, as: Scalar.self)
            }
        }
        switch type {
        case .float32, .complex64: proto.floatData.withUnsafeBytes { bytes.copyMemory(from: $0) }
        case .float64, .complex128: proto.doubleData.withUnsafeBytes { bytes.copyMemory(from: $0) }
        case .int64: proto.int64Data.withUnsafeBytes { bytes.copyMemory(from: $0) }
        case .uint64: proto.uint64Data.withUnsafeBytes { bytes.copyMemory(from: $0) }
        case .uint32: fill(proto.uint64Data.lazy.map { UInt32(truncatingIfNeeded: $0) })
        case .int32: proto.int32Data.withUnsafeBytes { bytes.copyMemory(from: $0) }
        case .int16, .uint16, .float16, .bfloat16: fill(proto.int32Data.lazy.map { UInt16(truncatingIfNeeded: $0) })
        default: fill(proto.int32Data.lazy.map { UInt8(truncatingIfNeeded: $0) })
        }
    }

    private func strings(count: Int) throws(ONNXError) -> Tensor {
        guard proto.stringData.count == count else {
            throw invalid("\(proto.stringData.count) strings, but the shape \(shape) needs \(count)")
        }
        var strings: [String] = []
        strings.reserveCapacity(count)
        for (position, bytes) in proto.stringData.enumerated() {
            guard let text = String(validating: bytes, as: UTF8.self) else {
                throw invalid("string \(position) is not UTF-8")
            }
            strings.append(text)
        }
        return Tensor(strings: strings, shape: shape)
    }

    var place: String { "tensor '\(name)'" }
    func invalid(_ reason: String) -> ONNXError { .invalid(place: place, reason: reason) }
    func unsupported(_ reason: String) -> ONNXError { .unsupported(place: place, reason: reason) }
}
