import ONNXWire

/// A walk over a model's bytes before they are parsed: finds truncation and says where, and refuses what would take far more memory
/// than its bytes (an empty message is two bytes in a file and hundreds when parsed). Allocates nothing.
struct WireSurvey {
    let maximumDepth: Int
    let maximumMessages: Int
    private(set) var messageCount = 0

    init(maximumDepth: Int, maximumMessages: Int) {
        self.maximumDepth = maximumDepth
        self.maximumMessages = maximumMessages
    }

    private struct Memory: WireBytes {
        let bytes: UnsafeRawBufferPointer
        func byte(at position: Int64) -> UInt8? { bytes[Int(position)] }
    }

    mutating func run(_ bytes: UnsafeRawBufferPointer) throws(ONNXError) {
        var memory = Memory(bytes: bytes)
        try walk(.model, &memory, 0..<Int64(bytes.count), depth: 0)
    }

    private mutating func walk(_ message: ONNXMessage, _ bytes: inout Memory, _ range: Range<Int64>, depth: Int) throws(ONNXError) {
        guard depth < maximumDepth else { throw .nestedTooDeeply(limit: maximumDepth) }
        messageCount += 1
        guard messageCount <= maximumMessages else { throw .tooManyParts(limit: maximumMessages) }
        var position = range.lowerBound
        while position < range.upperBound {
            let field: WireField
            do {
                field = try WireField(of: &bytes, at: position, end: range.upperBound)
            } catch { throw .malformed(reason: Self.words(error)) }
            if case .bytes(let content) = field.content, let child = message.child(field.number) {
                try walk(child, &bytes, content, depth: depth + 1)
            }
            position = field.end
        }
    }

    private static func words(_ fault: WireField.Fault) -> String {
        switch fault {
        case .truncated(let position): "it is cut short in the field at byte \(position)"
        case .longNumber(let position): "a number of more than ten bytes at byte \(position)"
        case .group(let position): "a group at byte \(position), which ONNX does not have"
        case .impossible(let position): "an impossible field at byte \(position)"
        }
    }
}
