package import Tensors

extension Tensor {
    /// Returns one element of a tensor of float32, float64, float16, bfloat16, int32 or int64 as a number.
    package func number(_ index: Int) -> Double {
        switch elementType {
        case .float32: Double(bytes.loadUnaligned(fromByteOffset: 4 * index, as: Float.self))
        case .float64: bytes.loadUnaligned(fromByteOffset: 8 * index, as: Double.self)
        case .float16: Double(bytes.loadUnaligned(fromByteOffset: 2 * index, as: Float16.self))
        case .bfloat16:
            Double(Float(bitPattern: UInt32(bytes.loadUnaligned(fromByteOffset: 2 * index, as: UInt16.self)) << 16))
        case .int64: Double(bytes.loadUnaligned(fromByteOffset: 8 * index, as: Int64.self))
        case .int32: Double(bytes.loadUnaligned(fromByteOffset: 4 * index, as: Int32.self))
        default: preconditionFailure("a tensor of \(elementType.name) read as numbers")
        }
    }

    /// All elements as float32; those of a float32 tensor are unchanged.
    package var floats: [Float] {
        if let values = values(as: Float.self), elementType == .float32 { return values }
        return (0..<elementCount).map { Float(number($0)) }
    }
}
