/// Names the kinds of messages in `onnx.proto`, as far as it matters what is in them.
package enum ONNXMessage {
    case model, graph, node, attribute, function, training, tensor, sparseTensor, value
    case type, tensorType, elementHolder, mapType, shape
    case annotation, deviceConfiguration, sharding, shardedDimension
    /// A key and a value, both text.
    case pair
    /// Any other message, which has no message in it that matters.
    case leaf

    /// Returns the kind of message that the field of this number holds; nil where it holds none.
    @inlinable
    package func child(_ field: UInt64) -> ONNXMessage? {
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
        case (.tensor, 13): .pair
        case (.model, 8), (.model, 14), (.model, 26), (.graph, 16), (.node, 9), (.function, 9), (.function, 14), (.training, 3),
            (.training, 4), (.tensor, 3), (.tensor, 16), (.value, 4), (.type, 7), (.shape, 1), (.annotation, 2), (.sharding, 3),
            (.shardedDimension, 2):
            .leaf
        default: nil
        }
    }

    /// Tells whether a message of this kind may hold tensors, or say where the data of one is.
    package var leadsToTensors: Bool {
        switch self {
        case .model, .graph, .node, .attribute, .function, .training, .tensor, .sparseTensor, .pair: true
        case .value, .type, .tensorType, .elementHolder, .mapType, .shape, .annotation, .deviceConfiguration, .sharding, .shardedDimension,
            .leaf:
            false
        }
    }
}
