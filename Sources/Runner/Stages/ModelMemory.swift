import ONNX

extension ONNXError {
    var isOutOfMemory: Bool { if case .outOfMemory = self { true } else { false } }
}

extension Model {
    /// The number of bytes that are in other files and in memory once the model runs; the largest number there is if the sizes add up to
    /// more.
    var externalByteCount: Int {
        graph.initializers.filter(\.isExternal).reduce(0) { sum, tensor in
            let (total, overflow) = sum.addingReportingOverflow(tensor.byteCount ?? 0)
            return overflow ? .max / 2 : total
        }
    }
}
