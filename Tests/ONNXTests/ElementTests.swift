import Foundation
import ONNXProto
import SwiftProtobuf
import Tensors
import Testing

@testable import ONNX

/// Typed lists hold the same elements as raw bytes do (ONNX `TensorProto`).
@Suite struct ElementTests {
    struct Row: Sendable, CustomTestStringConvertible {
        let type: ElementType
        let count: Int
        let fill: @Sendable (inout Onnx_TensorProto) -> Void
        let bytes: [UInt8]
        var testDescription: String { type.name }
    }

    static let rows: [Row] = [
        Row(type: .float32, count: 1, fill: { $0.floatData = [1.5] }, bytes: [0, 0, 0xC0, 0x3F]),
        Row(type: .float64, count: 1, fill: { $0.doubleData = [1.5] }, bytes: [0, 0, 0, 0, 0, 0, 0xF8, 0x3F]),
        Row(type: .complex64, count: 1, fill: { $0.floatData = [1.5, 0] }, bytes: [0, 0, 0xC0, 0x3F, 0, 0, 0, 0]),
        Row(
            type: .complex128, count: 1, fill: { $0.doubleData = [0, 1.5] },
            bytes: [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xF8, 0x3F]),
        Row(type: .int64, count: 1, fill: { $0.int64Data = [-2] }, bytes: [0xFE] + [UInt8](repeating: 0xFF, count: 7)),
        Row(type: .uint64, count: 1, fill: { $0.uint64Data = [.max] }, bytes: [UInt8](repeating: 0xFF, count: 8)),
        Row(type: .uint32, count: 1, fill: { $0.uint64Data = [0x0102_0304] }, bytes: [4, 3, 2, 1]),
        Row(type: .int32, count: 1, fill: { $0.int32Data = [-2] }, bytes: [0xFE, 0xFF, 0xFF, 0xFF]),
        Row(type: .int16, count: 2, fill: { $0.int32Data = [-2, 3] }, bytes: [0xFE, 0xFF, 3, 0]),
        Row(type: .uint16, count: 1, fill: { $0.int32Data = [65535] }, bytes: [0xFF, 0xFF]),
        Row(type: .float16, count: 1, fill: { $0.int32Data = [0x3C00] }, bytes: [0, 0x3C]),
        Row(type: .bfloat16, count: 1, fill: { $0.int32Data = [0x3F80] }, bytes: [0x80, 0x3F]),
        Row(type: .int8, count: 2, fill: { $0.int32Data = [-1, 5] }, bytes: [0xFF, 5]),
        Row(type: .uint8, count: 1, fill: { $0.int32Data = [255] }, bytes: [0xFF]),
        Row(type: .bool, count: 2, fill: { $0.int32Data = [1, 0] }, bytes: [1, 0]),
        Row(type: .float8e4m3fn, count: 1, fill: { $0.int32Data = [0x38] }, bytes: [0x38]),
        Row(type: .int4, count: 3, fill: { $0.int32Data = [0xF1, 0x07] }, bytes: [0xF1, 0x07]),
        Row(type: .uint2, count: 5, fill: { $0.int32Data = [0xE4, 0x01] }, bytes: [0xE4, 0x01]),
    ]

    @Test(arguments: rows)
    func typedListsAndRawBytesAgree(_ row: Row) throws {
        var typed = Onnx_TensorProto.with {
            $0.dataType = row.type.rawValue; $0.dims = [Int64(row.count)]
        }
        row.fill(&typed)
        let raw = Onnx_TensorProto.with {
            $0.dataType = row.type.rawValue; $0.dims = [Int64(row.count)]; $0.rawData = Data(row.bytes)
        }
        #expect(try bytes(StoredTensor(typed).tensor()) == row.bytes)
        #expect(try bytes(StoredTensor(raw).tensor()) == row.bytes)
    }

    private func bytes(_ tensor: Tensor) -> [UInt8] { withExtendedLifetime(tensor) { Array(tensor.bytes) } }

    @Test func stringsAreReadAndTheirLackOfUTF8Named() throws {
        var proto = Onnx_TensorProto.with {
            $0.dataType = 8; $0.dims = [2]; $0.stringData = [Data("a".utf8), Data("ü".utf8)]
        }
        #expect(try StoredTensor(proto).tensor().strings == ["a", "ü"])
        proto.stringData[1] = Data([0xFF])
        #expect(throws: ONNXError.invalid(place: "tensor ''", reason: "string 1 is not UTF-8")) { try StoredTensor(proto).tensor() }
    }

    @Test func aSparseTensorFillsIn() throws {
        let values = StoredTensor("s", .float32, [2], [5, 7] as [Float])
        let linear = SparseTensor(values: values, indices: StoredTensor("", .int64, [2], [1, 5] as [Int64]), shape: [2, 3])
        let pairs = SparseTensor(values: values, indices: StoredTensor("", .int64, [2, 2], [0, 1, 1, 2] as [Int64]), shape: [2, 3])
        let outside = SparseTensor(values: values, indices: StoredTensor("", .int64, [2], [1, 6] as [Int64]), shape: [2, 3])
        #expect(try linear.positions(externalData: nil) == [1, 5] && pairs.positions(externalData: nil) == [1, 5])
        #expect(throws: ONNXError.self) { try outside.positions(externalData: nil) }
    }

    @Test func aStoredTensorSharesItsBufferWithTheTensor() throws {
        let tensor = Tensor(.float32, [300], [Float](repeating: 1, count: 300))
        let stored = StoredTensor("t", tensor)
        guard case .buffer(let buffer) = tensor.storage else { return }
        #expect(stored.rawData?.withUnsafeBytes { $0.baseAddress } == UnsafeRawPointer(buffer.address))
    }
}
