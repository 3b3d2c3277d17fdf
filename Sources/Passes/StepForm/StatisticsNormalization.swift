import ONNX

/// Holds a BatchNormalization by running statistics, `y = (x - mean) scale / sqrt(variance + epsilon) + bias` for each channel, whose
/// operands are constants.
struct StatisticsNormalization {
    let node: Node
    var scale: String { node.inputs[1] }
    var bias: String { node.inputs[2] }
    var mean: String { node.inputs[3] }
    var variance: String { node.inputs[4] }
    var epsilon: Double { Double(node.attribute("epsilon")?.float ?? 1e-5) }

    /// - Parameters:
    ///   - value: the value that it must normalize.
    ///   - version: the operator set version; those before 7 say in other ways whether a node trains.
    ///   - isConstant: tells of each operand whether it is a constant.
    init?(_ node: Node, of value: String, version: Int64, isConstant: (String) -> Bool) {
        guard version >= 7, node.inputs.count == 5, node.inputs[0] == value, node.attribute("training_mode")?.int ?? 0 == 0,
            // Up to version 8, a node may have statistics for each place of an image.
            node.attribute("spatial")?.int ?? 1 == 1, node.outputs.dropFirst().allSatisfy(\.isEmpty),
            node.inputs.dropFirst().allSatisfy(isConstant)
        else { return nil }
        self.node = node
    }
}
