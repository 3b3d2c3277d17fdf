package import Foundation
import ONNXProto
import SwiftProtobuf
package import Tensors

/// A value in a file of its own, as ONNX's conformance data has one per input and output.
package indirect enum StoredValue: Sendable {
    case tensor(StoredTensor)
    case sparseTensor(SparseTensor)
    case sequence([StoredValue])
    /// Keys are an int64 or string tensor.
    case map(keys: Tensor, values: StoredValue)
    case optional(StoredValue?)

    /// `type` says which message the bytes are, since they do not: the declared type of the graph's input or output.
    package init(serialized: Data, type: ValueType) throws(ONNXError) {
        do {
            self =
                switch type {
                case .tensor, .opaque: .tensor(StoredTensor(try Onnx_TensorProto(serializedBytes: serialized)))
                case .sparseTensor: .sparseTensor(SparseTensor(try Onnx_SparseTensorProto(serializedBytes: serialized)))
                case .sequence: try StoredValue(try Onnx_SequenceProto(serializedBytes: serialized))
                case .map: try StoredValue(try Onnx_MapProto(serializedBytes: serialized))
                case .optional: try StoredValue(try Onnx_OptionalProto(serializedBytes: serialized))
                }
        } catch let error as ONNXError {
            throw error
        } catch {
            throw .malformed(reason: "its protobuf encoding is broken (\(error))")
        }
    }

    private init(_ proto: Onnx_SequenceProto) throws(ONNXError) {
        var elements: [StoredValue] = []
        switch proto.elemType {
        case 1: elements = proto.tensorValues.map { .tensor(StoredTensor($0)) }
        case 2: elements = proto.sparseTensorValues.map { .sparseTensor(SparseTensor($0)) }
        case 3: for value in proto.sequenceValues { elements.append(try StoredValue(value)) }
        case 4: for value in proto.mapValues { elements.append(try StoredValue(value)) }
        case 5: for value in proto.optionalValues { elements.append(try StoredValue(value)) }
        default: throw .malformed(reason: "a sequence with elements of kind \(proto.elemType)")
        }
        self = .sequence(elements)
    }

    private init(_ proto: Onnx_MapProto) throws(ONNXError) {
        let keys: Tensor
        if proto.keyType == ElementType.string.rawValue {
            let texts = proto.stringKeys.compactMap { String(validating: $0, as: UTF8.self) }
            guard texts.count == proto.stringKeys.count else { throw .malformed(reason: "a map's key is not UTF-8") }
            keys = Tensor(strings: texts, shape: [texts.count])
        } else {
            keys = Tensor(.int64, [proto.keys.count], proto.keys)
        }
        self = .map(keys: keys, values: try StoredValue(proto.values))
    }

    private init(_ proto: Onnx_OptionalProto) throws(ONNXError) {
        let value: StoredValue? =
            switch proto.elemType {
            case 1 where proto.hasTensorValue: .tensor(StoredTensor(proto.tensorValue))
            case 2 where proto.hasSparseTensorValue: .sparseTensor(SparseTensor(proto.sparseTensorValue))
            case 3 where proto.hasSequenceValue: try StoredValue(proto.sequenceValue)
            case 4 where proto.hasMapValue: try StoredValue(proto.mapValue)
            case 5 where proto.hasOptionalValue: try StoredValue(proto.optionalValue)
            default: nil
            }
        self = .optional(value)
    }
}
