import ONNXWire

/// Walks over a model's bytes before they are parsed: it finds truncation and its place, and refuses models that would take far more memory
/// than their bytes (an empty message is two bytes in a file and hundreds when parsed), or more time than the model is worth. It allocates
/// nothing.
///
/// It counts nodes and values as `LoadingEstimate` does, except for functions that are called and for values behind a subgraph, so that it
/// never counts more.
struct WireSurvey {
    private let limits: ReadingLimits
    private(set) var messageCount = 0
    /// The number of nodes of the model's graph, or of a function, with its subgraphs.
    private var nodeCount = 0
    private var visibleValues = 0
    /// The number of values so far of the present graph and of those around it.
    private var values = 0

    init(_ limits: ReadingLimits) { self.limits = limits }

    private struct Memory: WireBytes {
        let bytes: UnsafeRawBufferPointer
        func byte(at position: Int64) -> UInt8? { bytes[Int(position)] }
    }

    mutating func run(_ bytes: UnsafeRawBufferPointer) throws(ONNXError) {
        var memory = Memory(bytes: bytes)
        try walk(.model, &memory, 0..<Int64(bytes.count), depth: 0)
    }

    private mutating func walk(_ message: ONNXMessage, _ bytes: inout Memory, _ range: Range<Int64>, depth: Int) throws(ONNXError) {
        guard depth < limits.depth else { throw .nestedTooDeeply(limit: limits.depth) }
        messageCount += 1
        guard messageCount <= limits.messages else { throw .tooManyParts(limit: limits.messages) }
        var outputs = 0
        var position = range.lowerBound
        while position < range.upperBound {
            let field: WireField
            do {
                field = try WireField(of: &bytes, at: position, end: range.upperBound)
            } catch { throw .malformed(reason: Self.words(error)) }
            if case .bytes(let content) = field.content {
                if let child = message.child(field.number) {
                    try enter(child, of: message, &bytes, content, depth: depth + 1)
                } else if message == .node, field.number == 2 {
                    outputs += 1
                }
            }
            position = field.end
        }
        values += outputs
    }

    private mutating func enter(
        _ child: ONNXMessage, of parent: ONNXMessage, _ bytes: inout Memory, _ content: Range<Int64>, depth: Int
    ) throws(ONNXError) {
        switch (parent, child) {
        case (.attribute, .graph):
            visibleValues += values
            guard visibleValues <= limits.bounds.visibleValues else {
                throw LoadingEstimate.tooManyVisible(limits.bounds, "graph", at: nil)
            }
            let around = values
            try walk(child, &bytes, content, depth: depth)
            values = around
        case (_, .graph), (_, .function):
            (nodeCount, visibleValues, values) = (0, 0, 0)
            try walk(child, &bytes, content, depth: depth)
        case (_, .node):
            nodeCount += 1
            guard nodeCount <= limits.bounds.nodes else { throw LoadingEstimate.tooManyNodes(limits.bounds, "graph", at: nil) }
            try walk(child, &bytes, content, depth: depth)
        case (.graph, .tensor), (.graph, .sparseTensor):
            values += 1
            try walk(child, &bytes, content, depth: depth)
        default: try walk(child, &bytes, content, depth: depth)
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
