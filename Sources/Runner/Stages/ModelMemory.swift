import ONNX

extension ONNXError {
    var isOutOfMemory: Bool { if case .outOfMemory = self { true } else { false } }
}

extension Model {
    /// The number of bytes that are in other files and in memory once the model runs; half of the largest `Int` if the sizes add up to
    /// more.
    var externalByteCount: Int {
        var sum = 0
        let add = { (tensor: StoredTensor) in
            guard tensor.isExternal else { return }
            let (total, overflow) = sum.addingReportingOverflow(tensor.byteCount ?? 0)
            sum = overflow ? .max / 2 : total
        }
        graph.forEachTensor { _, tensor in add(tensor) }
        for function in functions { function.body.forEachTensor { _, tensor in add(tensor) } }
        return sum
    }
}
