internal import Names

/// ONNX: the protobuf wire format is walked without being kept; weights are stepped over. Whole means that every length fits its message
/// and the file, that a graph and its operator sets are there (they are written in this order), and that all external data is there.
///
/// Protocol buffers have no end mark: a file that was cut exactly after its operator sets, before its functions, cannot be distinguished
/// from a whole one.
enum ONNXCheck {
    static func check(_ file: inout SealedFile, directory: String) -> FormatCheck.Result {
        var walk = ModelWalk()
        if let reason = walk.walk(&file, .model, from: 0, to: file.size, depth: 0) { return .incomplete(reason) }
        guard walk.hasGraph else { return .incomplete("the ONNX model has no graph: it is cut off or no model") }
        guard walk.hasOpset else { return .incomplete("the ONNX model names no operator set, which stands after the graph: it is cut off") }
        if walk.externalData.isEmpty { return .whole(companions: []) }
        return ExternalData(directory: directory).check(walk.externalData)
    }
}

/// The message that the walk is in. There are only as many as lead to tensors in onnx.proto.
private enum Message {
    case model, graph, node, attribute, tensor, sparseTensor, function, training, pair

    func child(_ field: UInt64) -> Message? {
        switch (self, field) {
        case (.model, 7), (.training, 1), (.training, 2), (.attribute, 6), (.attribute, 11): .graph
        case (.model, 20): .training
        case (.model, 25): .function
        case (.graph, 1), (.function, 7): .node
        case (.graph, 5), (.attribute, 5), (.attribute, 10), (.sparseTensor, 1), (.sparseTensor, 2): .tensor
        case (.graph, 15), (.attribute, 22), (.attribute, 23): .sparseTensor
        case (.node, 5), (.function, 11): .attribute
        case (.tensor, 13): .pair
        default: nil
        }
    }
}

/// The bytes that one external file must have, by location as the model spells it.
typealias ExternalNeeds = NameMap<Int64>

private struct ModelWalk {
    private struct TensorFacts {
        var elements: Int64 = 1
        var dataType: UInt64 = 0
        var isExternal = false
        var pairs: [String: String] = [:]
    }

    private static let deepest = 100
    /// The longest text that is taken for a location or a number.
    private static let longestText: Int64 = 4096

    var hasGraph = false
    var hasOpset = false
    var externalData: ExternalNeeds = [:]
    private var tensor = TensorFacts()
    private var pair: (key: String, value: String) = ("", "")

    /// - Returns: what is wrong, or nil.
    mutating func walk(_ file: inout SealedFile, _ message: Message, from start: Int64, to end: Int64, depth: Int) -> String? {
        guard depth < Self.deepest else { return "the ONNX model's graphs are nested too deeply" }
        var offset = start
        while offset < end {
            let fieldStart = offset
            guard let tag = varint(&file, &offset, end), tag >> 3 != 0 else { return Self.cut(fieldStart) }
            let field = tag >> 3
            switch tag & 7 {
            case 0:
                guard let value = varint(&file, &offset, end) else { return Self.cut(fieldStart) }
                note(message, field, value)
            case 1: offset += 8
            case 5: offset += 4
            case 2:
                guard let length = varint(&file, &offset, end), length <= UInt64(end - offset) else { return Self.cut(fieldStart) }
                let fieldEnd = offset + Int64(length)
                if let reason = enter(&file, message, field, from: offset, to: fieldEnd, depth: depth) { return reason }
                offset = fieldEnd
            default: return Self.cut(fieldStart)
            }
            guard offset <= end else { return Self.cut(fieldStart) }
        }
        return nil
    }

    private static func cut(_ offset: Int64) -> String { "the ONNX model breaks off or is damaged at byte \(offset)" }

    private mutating func enter(
        _ file: inout SealedFile, _ message: Message, _ field: UInt64, from start: Int64, to end: Int64, depth: Int
    ) -> String? {
        switch (message, field) {
        case (.model, 7): hasGraph = true
        case (.model, 8): hasOpset = true
        case (.tensor, 1): return packedDimensions(&file, from: start, to: end)
        case (.pair, 1): pair.key = text(&file, from: start, to: end)
        case (.pair, 2): pair.value = text(&file, from: start, to: end)
        default: break
        }
        guard let child = message.child(field) else { return nil }
        if child == .tensor { tensor = TensorFacts() }
        if child == .pair { pair = ("", "") }
        if let reason = walk(&file, child, from: start, to: end, depth: depth + 1) { return reason }
        if child == .pair { tensor.pairs[pair.key] = pair.value }
        if child == .tensor { noteExternal() }
        return nil
    }

    private mutating func note(_ message: Message, _ field: UInt64, _ value: UInt64) {
        guard message == .tensor else { return }
        switch field {
        case 1: addDimension(value)
        case 2: tensor.dataType = value
        case 14: tensor.isExternal = value == 1
        default: break
        }
    }

    private mutating func addDimension(_ value: UInt64) {
        let (product, overflow) = tensor.elements.multipliedReportingOverflow(by: Int64(bitPattern: value))
        tensor.elements = overflow || product < 0 ? .max : product
    }

    private mutating func packedDimensions(_ file: inout SealedFile, from start: Int64, to end: Int64) -> String? {
        var offset = start
        while offset < end {
            guard let value = varint(&file, &offset, end) else { return Self.cut(offset) }
            addDimension(value)
        }
        return nil
    }

    private mutating func noteExternal() {
        guard tensor.isExternal else { return }
        let location = tensor.pairs["location"] ?? ""
        let offset = max(tensor.pairs["offset"].flatMap { Int64($0) } ?? 0, 0)
        let length = tensor.pairs["length"].flatMap { Int64($0) } ?? byteCount
        let (needed, overflow) = offset.addingReportingOverflow(max(length, 0))
        externalData[location] = max(externalData[location] ?? 0, overflow ? .max : needed)
    }

    /// The size of the tensor itself, which counts where the model gives no length.
    private var byteCount: Int64 {
        let bits: Int64 =
            switch tensor.dataType {
            case 2, 3, 9, 17, 18, 19, 20, 24: 8
            case 4, 5, 10, 16: 16
            case 1, 6, 12: 32
            case 7, 11, 13, 14: 64
            case 15: 128
            case 21, 22, 23: 4
            case 25, 26: 2
            default: 0
            }
        let (product, overflow) = tensor.elements.multipliedReportingOverflow(by: bits)
        return overflow ? .max : product / 8 + (product % 8 == 0 ? 0 : 1)
    }

    private func text(_ file: inout SealedFile, from start: Int64, to end: Int64) -> String {
        guard end - start <= Self.longestText, let bytes = file.bytes(at: start, count: Int(end - start)) else { return "" }
        return String(decoding: bytes, as: UTF8.self)
    }

    private func varint(_ file: inout SealedFile, _ offset: inout Int64, _ end: Int64) -> UInt64? {
        var value: UInt64 = 0
        for shift in stride(from: UInt64(0), through: 63, by: 7) {
            guard offset < end, let byte = file.byte(at: offset) else { return nil }
            offset += 1
            value |= UInt64(byte & 0x7F) << shift
            if byte & 0x80 == 0 { return value }
        }
        return nil
    }
}
