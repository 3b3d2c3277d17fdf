package import Foundation
import ONNXProto
import SwiftProtobuf
package import Tensors

/// Holds a tensor as a model stores it: raw bytes, one of the typed lists, or a range of another file. Reading it gives a `Tensor`; until
/// then nothing is converted or copied.
package struct StoredTensor: Sendable {
    var proto: Onnx_TensorProto

    init(_ proto: Onnx_TensorProto) { self.proto = proto }

    /// Stores `tensor` as raw bytes (strings as a list) without copying them: its buffer must not be written any more.
    package init(_ name: String, _ tensor: Tensor) {
        proto = .with {
            $0.dims = tensor.shape.dimensions.map(Int64.init)
            $0.dataType = tensor.elementType.rawValue
            $0.name = name
            switch tensor.storage {
            case .strings(let strings): $0.stringData = strings.map { Data($0.utf8) }
            case .buffer(let buffer):
                $0.rawData = Data(
                    bytesNoCopy: buffer.address, count: tensor.bytes.count,
                    deallocator: .custom { _, _ in withExtendedLifetime(buffer) {} })
            }
        }
    }

    /// Stores a small constant, such as the value of an attribute or the operand of a shape operator.
    package init<Scalar: BitwiseCopyable>(_ name: String, _ elementType: ElementType, _ shape: Shape, _ values: [Scalar]) {
        self.init(name, Tensor(elementType, shape, values))
    }

    package var name: String {
        get { proto.name }
        set { proto.name = newValue }
    }

    package var docString: String {
        get { proto.docString }
        set { proto.docString = newValue }
    }

    package var metadata: Metadata {
        get { Metadata(proto.metadataProps) }
        set { proto.metadataProps = newValue.entries }
    }

    /// The element type; `nil` for a type that this build does not know, whose number in the file is `elementTypeCode`.
    package var elementType: ElementType? { ElementType(rawValue: proto.dataType) }
    package var elementTypeCode: Int32 { proto.dataType }

    /// The dimensions in the file, which may be negative or too large; `Model.safetyCheck` refuses those.
    package var shape: Shape { Shape(proto.dims.map(Int.init)) }
    package var elementCount: Int? { shape.elementCount }
    package var isExternal: Bool { proto.dataLocation == 1 }

    /// The number of bytes of the elements when packed; the sum of the strings' bytes for strings.
    package var byteCount: Int? {
        if elementType == .string { return proto.stringData.reduce(0) { $0 + $1.count } }
        return elementCount.flatMap { ElementCode.byteCount(proto.dataType, elements: $0) }
    }

    /// The packed little-endian bytes where the model stores them in this form; `nil` for typed lists and external data.
    package var rawData: Data? { !isExternal && proto.hasRawData ? proto.rawData : nil }

    /// Replaces type, shape and elements; name, documentation and metadata stay.
    package mutating func replace(with tensor: Tensor) {
        var replacement = StoredTensor(name, tensor).proto
        if proto.hasDocString { replacement.docString = proto.docString }
        replacement.metadataProps = proto.metadataProps
        replacement.unknownFields = proto.unknownFields
        if !proto.hasName { replacement.clearName() }
        proto = replacement
    }
}

extension StoredTensor: Equatable {
    package static func == (left: StoredTensor, right: StoredTensor) -> Bool { left.proto.hasSameBytes(as: right.proto) }
}

/// Holds the nonzero elements of a tensor and their positions: values `[NNZ]`, indices `[NNZ]` (linear) or `[NNZ, rank]`.
package struct SparseTensor: Sendable {
    var proto: Onnx_SparseTensorProto

    init(_ proto: Onnx_SparseTensorProto) { self.proto = proto }

    package init(values: StoredTensor, indices: StoredTensor, shape: Shape) {
        proto = .with {
            $0.values = values.proto
            $0.indices = indices.proto
            $0.dims = shape.dimensions.map(Int64.init)
        }
    }

    /// The name of a sparse initializer, which is that of its values.
    package var name: String { proto.values.name }
    package var values: StoredTensor { StoredTensor(proto.values) }
    package var indices: StoredTensor { StoredTensor(proto.indices) }
    package var shape: Shape { Shape(proto.dims.map(Int.init)) }
}

extension SparseTensor: Equatable {
    package static func == (left: SparseTensor, right: SparseTensor) -> Bool { left.proto.hasSameBytes(as: right.proto) }
}

/// Knows the element type numbers of files, including those that only newer versions of ONNX name.
enum ElementCode {
    private static let float6: ClosedRange<Int32> = 27...28

    static func isKnown(_ code: Int32) -> Bool { ElementType(rawValue: code) != nil || float6.contains(code) }

    static func byteCount(_ code: Int32, elements: Int) -> Int? {
        if let type = ElementType(rawValue: code) { return type.byteCount(elements: elements) }
        guard float6.contains(code), elements >= 0, elements <= Int.max / 6 - 7 else { return nil }
        return (elements * 6 + 7) / 8
    }
}
