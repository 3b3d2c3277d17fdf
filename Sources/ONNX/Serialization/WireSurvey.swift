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

    private enum Message {
        case model, graph, node, attribute, function, training, tensor, sparseTensor, value
        case type, tensorType, elementHolder, mapType, shape
        case annotation, deviceConfiguration, sharding, shardedDimension, leaf

        /// The content of a field that is a message.
        func child(_ field: UInt64) -> Message? {
            switch (self, field) {
            case (.model, 7), (.training, 1), (.training, 2), (.attribute, 6), (.attribute, 11): .graph
            case (.model, 20): .training
            case (.model, 25): .function
            case (.graph, 1), (.function, 7): .node
            case (.graph, 5), (.attribute, 5), (.attribute, 10), (.sparseTensor, 1), (.sparseTensor, 2): .tensor
            case (.graph, 15), (.attribute, 22), (.attribute, 23): .sparseTensor
            case (.graph, 11), (.graph, 12), (.graph, 13), (.function, 12): .value
            case (.node, 5), (.function, 11): .attribute
            case (.value, 2), (.attribute, 14), (.attribute, 15), (.elementHolder, 1), (.mapType, 2): .type
            case (.type, 1), (.type, 8): .tensorType
            case (.type, 4), (.type, 9): .elementHolder
            case (.type, 5): .mapType
            case (.tensorType, 2): .shape
            case (.graph, 14): .annotation
            case (.node, 10): .deviceConfiguration
            case (.deviceConfiguration, 2): .sharding
            case (.sharding, 4): .shardedDimension
            case (.model, 8), (.model, 14), (.model, 26), (.graph, 16), (.node, 9), (.function, 9), (.function, 14), (.training, 3),
                (.training, 4), (.tensor, 3), (.tensor, 13), (.tensor, 16), (.value, 4), (.type, 7), (.shape, 1), (.annotation, 2),
                (.sharding, 3), (.shardedDimension, 2):
                .leaf
            default: nil
            }
        }
    }

    mutating func run(_ bytes: UnsafeRawBufferPointer) throws(ONNXError) {
        var position = 0
        try walk(.model, bytes, &position, end: bytes.count, depth: 0)
    }

    private mutating func walk(
        _ message: Message, _ bytes: UnsafeRawBufferPointer, _ position: inout Int, end: Int, depth: Int
    ) throws(ONNXError) {
        guard depth < maximumDepth else { throw .nestedTooDeeply(limit: maximumDepth) }
        messageCount += 1
        guard messageCount <= maximumMessages else { throw .tooManyParts(limit: maximumMessages) }
        while position < end {
            let start = position
            let tag = try varint(bytes, &position, end: end)
            switch tag & 7 {
            case 0: _ = try varint(bytes, &position, end: end)
            case 1: try skip(8, &position, end: end)
            case 5: try skip(4, &position, end: end)
            case 2:
                let length = try varint(bytes, &position, end: end)
                guard length <= UInt64(end - position) else { throw truncated(at: start) }
                let childEnd = position + Int(length)
                if let child = message.child(tag >> 3) {
                    try walk(child, bytes, &position, end: childEnd, depth: depth + 1)
                }
                position = childEnd
            case 3, 4: throw .malformed(reason: "a group at byte \(start), which ONNX does not have")
            default: throw .malformed(reason: "an impossible field at byte \(start)")
            }
        }
    }

    private func varint(_ bytes: UnsafeRawBufferPointer, _ position: inout Int, end: Int) throws(ONNXError) -> UInt64 {
        var value: UInt64 = 0
        var shift: UInt64 = 0
        let start = position
        while position < end {
            let byte = bytes[position]
            position += 1
            value |= UInt64(byte & 0x7F) << shift
            if byte < 0x80 { return value }
            shift += 7
            if shift > 63 { throw .malformed(reason: "a number of more than ten bytes at byte \(start)") }
        }
        throw truncated(at: start)
    }

    private func skip(_ count: Int, _ position: inout Int, end: Int) throws(ONNXError) {
        guard count <= end - position else { throw truncated(at: position) }
        position += count
    }

    private func truncated(at position: Int) -> ONNXError { .malformed(reason: "it is cut short in the field at byte \(position)") }
}
