internal import Names
internal import ONNXWire
internal import Reasons

/// Checks ONNX models: the protobuf wire format is walked without being kept; weights are stepped over. Whole means that every length fits
/// its message and the file, that a graph and its operator sets are there (they are written in this order), and that all external data is
/// there.
///
/// Protocol buffers have no end mark: a file that was cut exactly after its operator sets, before its functions, cannot be distinguished
/// from a whole one.
enum ONNXCheck {
    static func check(_ file: inout SealedFile, directory: String) -> FormatCheck.Result {
        var walk = ModelWalk()
        if let fault = walk.walk(&file, .model, from: 0, to: file.size, depth: 0) { return fault }
        guard walk.hasGraph else { return .incomplete("the ONNX model has no graph: it is cut off or no model") }
        guard walk.hasOpset else { return .incomplete("the ONNX model names no operator set, which stands after the graph: it is cut off") }
        if walk.externalData.isEmpty { return .whole(companions: []) }
        return ExternalData(directory: directory).check(walk.externalData)
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

    /// Walks through a message and those in it, and notes what matters for the check.
    /// - Returns: the fault; nil where there is none.
    mutating func walk(
        _ file: inout SealedFile, _ message: ONNXMessage, from start: Int64, to end: Int64, depth: Int
    ) -> FormatCheck.Result? {
        // Nothing more is read, whatever may still follow.
        guard depth < Self.deepest else {
            return .unsafe(
                Explanation(
                    reason: "its messages are nested more than \(Self.deepest) deep", rule: .limitModel, remedy: Rule.limitModel.remedy))
        }
        var offset = start
        while offset < end {
            guard let field = try? WireField(of: &file, at: offset, end: end), field.number != 0 else { return Self.cut(offset) }
            switch field.content {
            case .number(let value): note(message, field.number, value)
            case .fixed: break
            case .bytes(let range):
                let (first, last) = (range.lowerBound, range.upperBound)
                if let fault = enter(&file, message, field.number, from: first, to: last, depth: depth) { return fault }
            }
            offset = field.end
        }
        return nil
    }

    private static func cut(_ offset: Int64) -> FormatCheck.Result {
        .incomplete("the ONNX model breaks off or is damaged at byte \(offset)")
    }

    private mutating func enter(
        _ file: inout SealedFile, _ message: ONNXMessage, _ field: UInt64, from start: Int64, to end: Int64, depth: Int
    ) -> FormatCheck.Result? {
        switch (message, field) {
        case (.model, 7): hasGraph = true
        case (.model, 8): hasOpset = true
        case (.tensor, 1): return packedDimensions(&file, from: start, to: end)
        case (.pair, 1): pair.key = text(&file, from: start, to: end)
        case (.pair, 2): pair.value = text(&file, from: start, to: end)
        default: break
        }
        guard let child = message.child(field), child.leadsToTensors else { return nil }
        if child == .tensor { tensor = TensorFacts() }
        if child == .pair { pair = ("", "") }
        if let fault = walk(&file, child, from: start, to: end, depth: depth + 1) { return fault }
        if child == .pair { tensor.pairs[pair.key] = pair.value }
        if child == .tensor { noteExternal() }
        return nil
    }

    private mutating func note(_ message: ONNXMessage, _ field: UInt64, _ value: UInt64) {
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

    private mutating func packedDimensions(_ file: inout SealedFile, from start: Int64, to end: Int64) -> FormatCheck.Result? {
        var offset = start
        while offset < end {
            guard let value = try? WireField.number(of: &file, at: &offset, end: end) else { return Self.cut(offset) }
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
}

extension SealedFile: WireBytes {}
