/// A dense array, row-major. Numbers are packed in a buffer as in ONNX's `raw_data` (little endian, sub-byte elements low bits first);
/// strings are Swift strings.
package struct Tensor: Sendable {
    package enum Storage: Sendable {
        case buffer(TensorBuffer)
        case strings([String])
    }

    package let elementType: ElementType
    package let shape: Shape
    package let storage: Storage

    /// Makes a tensor of zeros; returns `nil` where `shape` has no byte count (negative, too large) or the type is string.
    package init?(zeros elementType: ElementType, shape: Shape) {
        guard let count = shape.elementCount, let size = elementType.byteCount(elements: count) else { return nil }
        self.init(elementType: elementType, shape: shape, buffer: TensorBuffer(byteCount: size))
    }

    /// Takes `buffer` without a copy: it must be at least as large as the shape needs.
    package init(elementType: ElementType, shape: Shape, buffer: TensorBuffer) {
        let needed = shape.elementCount.flatMap { elementType.byteCount(elements: $0) }
        precondition(needed.map { $0 <= buffer.byteCount } ?? false, "buffer smaller than \(elementType.name)\(shape)")
        self.elementType = elementType
        self.shape = shape
        storage = .buffer(buffer)
    }

    package init(strings: [String], shape: Shape) {
        precondition(shape.elementCount == strings.count, "\(strings.count) strings for \(shape)")
        elementType = .string
        self.shape = shape
        storage = .strings(strings)
    }

    /// Copies `bytes`; returns `nil` where their number is not what type and shape need.
    package init?(elementType: ElementType, shape: Shape, bytes: UnsafeRawBufferPointer) {
        guard let count = shape.elementCount, elementType.byteCount(elements: count) == bytes.count else { return nil }
        let buffer = TensorBuffer(byteCount: bytes.count)
        buffer.mutableBytes.copyMemory(from: bytes)
        self.init(elementType: elementType, shape: shape, buffer: buffer)
    }

    /// Copies `values`, whose Swift type must have the size of `elementType`.
    package init<Scalar: BitwiseCopyable>(_ elementType: ElementType, _ shape: Shape, _ values: [Scalar]) {
        precondition(elementType.bitWidth == MemoryLayout<Scalar>.size * 8, "\(Scalar.self) is not a \(elementType.name)")
        precondition(shape.elementCount == values.count, "\(values.count) values for \(shape)")
        let buffer = TensorBuffer(byteCount: values.count * MemoryLayout<Scalar>.size)
        values.withUnsafeBytes { buffer.mutableBytes.copyMemory(from: $0) }
        self.init(elementType: elementType, shape: shape, buffer: buffer)
    }

    /// Returns the same elements in another shape, without a copy; `nil` where the shape has another number of elements.
    package func reshaped(to shape: Shape) -> Tensor? {
        guard shape.elementCount == elementCount else { return nil }
        switch storage {
        case .buffer(let buffer): return Tensor(elementType: elementType, shape: shape, buffer: buffer)
        case .strings(let strings): return Tensor(strings: strings, shape: shape)
        }
    }

    package var elementCount: Int { shape.elementCount ?? 0 }

    /// The tensor's own bytes, without the rest of a larger reused buffer; empty for strings.
    package var bytes: UnsafeRawBufferPointer {
        guard case .buffer(let buffer) = storage else { return UnsafeRawBufferPointer(start: nil, count: 0) }
        return UnsafeRawBufferPointer(rebasing: buffer.bytes[..<(elementType.byteCount(elements: elementCount) ?? 0)])
    }

    package var strings: [String]? {
        guard case .strings(let strings) = storage else { return nil }
        return strings
    }

    /// Returns the elements as an array of a Swift type of the same size; `nil` where sizes differ.
    package func values<Scalar: BitwiseCopyable>(as type: Scalar.Type) -> [Scalar]? {
        guard elementType.bitWidth == MemoryLayout<Scalar>.size * 8, case .buffer(let buffer) = storage else { return nil }
        return withExtendedLifetime(buffer) { Array(bytes.bindMemory(to: Scalar.self)) }
    }
}
