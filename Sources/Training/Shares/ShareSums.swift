import Tensors

/// Adds what shares give, in the order in which it is told: that of the shares, since other orders give other last bits.
struct ShareSums {
    private(set) var tensors: [Tensor] = []

    /// - Parameter parts: what one share gives. Those of the first share are changed.
    mutating func add(_ parts: [Tensor]) {
        guard !tensors.isEmpty else { return tensors = parts }
        for (sum, part) in zip(tensors, parts) {
            precondition(sum.elementType == part.elementType && sum.bytes.count == part.bytes.count, "sums of different values")
            if sum.elementType == .float64 { Self.add(part, to: sum, as: Double.self) } else { Self.add(part, to: sum, as: Float.self) }
        }
    }

    private static func add<Number: BinaryFloatingPoint & BitwiseCopyable>(_ part: Tensor, to sum: Tensor, as type: Number.Type) {
        guard case .buffer(let buffer) = sum.storage else { return }
        withExtendedLifetime((part, buffer)) {
            let added = part.bytes.bindMemory(to: type)
            let sums = buffer.mutableBytes.bindMemory(to: type)
            for index in added.indices { sums[index] += added[index] }
        }
    }
}
