import Tensors

/// Makes a sequence of no elements. The C API has no call that makes one, so a graph of one node does.
enum EmptySequence {
    static func make(of element: ValueInfo.Kind, info: ValueInfo, _ table: Native.Table) throws(EngineError) -> NativeValue {
        guard case .tensor(let type, _) = element else {
            throw .unsupportedElementType(name: info.name, type: "\(info.kind)", detail: "an empty sequence of these cannot be made")
        }
        do throws(NativeFailure) {
            let options = try NativeSessionOptions(table)
            try options.configure(SessionOptions(optimization: .none))
            let model = modelBytes(elementType: type)
            let session = try NativeSession(table, model: model.bytes, options: options)
            return try session.run([], named: [], selected: nil, options: nil)[0]
        } catch {
            throw .unsupportedElementType(name: info.name, type: "\(info.kind)", detail: printable(error.message))
        }
    }

    /// Returns `y = SequenceEmpty<dtype = elementType>()` (ONNX operator SequenceEmpty-11), in the protobuf wire format.
    private static func modelBytes(elementType: Int32) -> TensorBuffer {
        let dataType: [UInt8] = [0x08] + Varint.bytes(of: Int(elementType))
        let dtype = field(1, Array("dtype".utf8)) + [0x18] + Varint.bytes(of: Int(elementType)) + [0xA0, 0x01, 2]
        let node = field(2, [0x79]) + field(4, Array("SequenceEmpty".utf8)) + field(5, dtype)
        let sequenceType = field(4, field(1, field(1, dataType)))
        let output = field(1, [0x79]) + field(2, sequenceType)
        let graph = field(1, node) + field(2, [0x67]) + field(12, output)
        let model: [UInt8] = [0x08, 8] + field(7, graph) + field(8, [0x10, 15])
        let buffer = TensorBuffer(byteCount: model.count)
        buffer.mutableBytes.copyBytes(from: model)
        return buffer
    }

    /// Returns a length-delimited field.
    private static func field(_ number: Int, _ bytes: [UInt8]) -> [UInt8] {
        Varint.bytes(of: number << 3 | 2) + Varint.bytes(of: bytes.count) + bytes
    }
}
