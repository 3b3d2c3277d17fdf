import Engine
import Foundation
import ONNXProto
import SwiftProtobuf
import Tensors

/// Values as `onnx-data.proto` and `TensorProto` write them into `input_0.pb` and its like.
enum WireValues {
    struct Malformed: Error { let reason: String }

    static func value(_ bytes: Data, type: Onnx_TypeProto) throws -> EngineValue {
        switch type.value {
        case .sequenceType: try sequence(bytes)
        case .optionalType: try optional(bytes)
        case .mapType: try map(bytes)
        default: .tensor(try tensor(bytes))
        }
    }

    static func tensor(_ bytes: Data) throws -> Tensor {
        let proto = try Onnx_TensorProto(serializedBytes: bytes)
        let shape = Shape(proto.dims.map(Int.init))
        guard let type = ElementType(rawValue: proto.dataType) else { throw Malformed(reason: "element type \(proto.dataType)") }
        if type == .string {
            return Tensor(strings: proto.stringData.map { String(decoding: $0, as: UTF8.self) }, shape: shape)
        }
        var raw = proto.rawData
        if !proto.hasRawData { raw = packed(proto, type) }
        guard let tensor = raw.withUnsafeBytes({ Tensor(elementType: type, shape: shape, bytes: $0) }) else {
            throw Malformed(reason: "\(raw.count) bytes for \(type.name)\(shape)")
        }
        return tensor
    }

    /// The typed data fields, laid out as `raw_data` would be.
    private static func packed(_ proto: Onnx_TensorProto, _ type: ElementType) -> Data {
        func bytes<Scalar: BitwiseCopyable>(_ values: [Scalar]) -> Data { values.withUnsafeBytes { Data($0) } }
        switch type {
        case .float32, .complex64: return bytes(proto.floatData)
        case .float64, .complex128: return bytes(proto.doubleData)
        case .int64: return bytes(proto.int64Data)
        case .uint64: return bytes(proto.uint64Data)
        case .uint32: return bytes(proto.uint64Data.map { UInt32(truncatingIfNeeded: $0) })
        case .int32: return bytes(proto.int32Data)
        default:
            switch type.bitWidth {
            case 16: return bytes(proto.int32Data.map { UInt16(truncatingIfNeeded: $0) })
            default: return bytes(proto.int32Data.map { UInt8(truncatingIfNeeded: $0) })
            }
        }
    }

    /// SequenceProto: elem_type = 2, tensor_values = 3, sequence_values = 5, map_values = 6, optional_values = 7.
    private static func sequence(_ bytes: Data) throws -> EngineValue {
        var elements: [EngineValue] = []
        for (number, value) in try fields(bytes) {
            switch number {
            case 3: elements.append(.tensor(try tensor(value)))
            case 5: elements.append(try sequence(value))
            case 6: elements.append(try map(value))
            case 7: elements.append(try optional(value))
            default: break
            }
        }
        return .sequence(elements)
    }

    /// OptionalProto: tensor_value = 3, sequence_value = 5, map_value = 6, optional_value = 7.
    private static func optional(_ bytes: Data) throws -> EngineValue {
        for (number, value) in try fields(bytes) {
            switch number {
            case 3: return .tensor(try tensor(value))
            case 5: return try sequence(value)
            case 6: return try map(value)
            case 7: return try optional(value)
            default: break
            }
        }
        return .none
    }

    /// MapProto: key_type = 2, keys = 3 (varints), string_keys = 4, values = 5.
    private static func map(_ bytes: Data) throws -> EngineValue {
        var numbers: [Int64] = []
        var strings: [String] = []
        var values: [EngineValue] = []
        for (number, value) in try fields(bytes, varints: { number, value in if number == 3 { numbers.append(value) } }) {
            switch number {
            case 4: strings.append(String(decoding: value, as: UTF8.self))
            case 5: if case .sequence(let elements) = try sequence(value) { values = elements }
            default: break
            }
        }
        guard values.count == 1, case .tensor(let tensor) = values[0] else { throw Malformed(reason: "a map of \(values.count) values") }
        let keys = strings.isEmpty ? Tensor(.int64, [numbers.count], numbers) : Tensor(strings: strings, shape: [strings.count])
        return .map(keys: keys, values: tensor)
    }

    private static func fields(_ data: Data, varints: (Int, Int64) -> Void = { _, _ in }) throws -> [(Int, Data)] {
        let bytes = [UInt8](data)
        var position = 0
        func varint() throws -> UInt64 {
            var value: UInt64 = 0, shift: UInt64 = 0
            while position < bytes.count, shift < 64 {
                let byte = bytes[position]
                position += 1
                value |= UInt64(byte & 0x7F) << shift
                if byte < 0x80 { return value }
                shift += 7
            }
            throw Malformed(reason: "a varint that does not end")
        }
        var found: [(Int, Data)] = []
        while position < bytes.count {
            let tag = try varint()
            switch tag & 7 {
            case 0: varints(Int(tag >> 3), Int64(bitPattern: try varint()))
            case 2:
                let length = Int(try varint())
                guard length <= bytes.count - position else { throw Malformed(reason: "a field past the end") }
                found.append((Int(tag >> 3), Data(bytes[position..<(position + length)])))
                position += length
            default: throw Malformed(reason: "wire type \(tag & 7)")
            }
        }
        return found
    }
}
