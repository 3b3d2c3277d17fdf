package import Tensors

/// Describes the layout of a row in a row file: packed fields, one after the other, in this machine's byte order.
package struct RowLayout: Sendable, Hashable, Codable {
    package struct Field: Sendable, Hashable, Codable {
        package let name: String
        /// The number of the element type in `TensorProto.DataType`.
        let type: Int32
        /// The shape without the batch axis.
        package let rowShape: [Int]
        let offset: Int
        let byteCount: Int

        package var elementType: ElementType { ElementType(rawValue: type)! }
    }

    /// The model's inputs, in its order.
    package let inputs: [Field]
    /// The field of the target, if the loss has one.
    package let target: Field?
    /// The field of the weight, which is one float32 for each row.
    package let weight: Field
    let byteCount: Int

    /// Makes a layout; returns `nil` where a row is not a whole number of bytes, or its size does not fit an `Int`.
    init?(inputs: [(name: String, elementType: ElementType, rowShape: [Int])], target: (elementType: ElementType, rowShape: [Int])?) {
        var offset = 0
        func field(_ name: String, _ type: ElementType, _ shape: [Int]) -> Field? {
            guard let count = Shape(shape).elementCount, let bits = type.bitWidth, bits % 8 == 0,
                let size = type.byteCount(elements: count), offset <= Int.max / 4 - size
            else { return nil }
            defer { offset += size }
            return Field(name: name, type: type.rawValue, rowShape: shape, offset: offset, byteCount: size)
        }
        var fields: [Field] = []
        for input in inputs {
            guard let made = field(input.name, input.elementType, input.rowShape) else { return nil }
            fields.append(made)
        }
        var label: Field?
        if let target {
            label = field("label", target.elementType, target.rowShape)
            if label == nil { return nil }
        }
        guard let weight = field("weight", .float32, []) else { return nil }
        self.inputs = fields
        self.target = label
        self.weight = weight
        byteCount = offset
    }

    /// The fields in the order of their bytes.
    var fields: [Field] { inputs + [target, weight].compactMap(\.self) }
}

/// Holds rows of one side of the split, gathered as the engine takes them.
package struct RowBatch {
    package let rowCount: Int
    /// The tensors in the order of `RowLayout.inputs`; the first axis is `rowCount`.
    package let inputs: [Tensor]
    package let target: Tensor?
    /// The weights, of shape `[rowCount]`.
    package internal(set) var weights: Tensor
}

extension RowBatch {
    /// Returns the rows of a range, in memory of their own.
    func part(_ rows: Range<Int>) -> RowBatch {
        RowBatch(
            rowCount: rows.count, inputs: inputs.map { $0.part(rows) }, target: target?.part(rows), weights: weights.part(rows))
    }
}

extension Tensor {
    /// Returns a range of the first axis. The tensor has numbers.
    fileprivate func part(_ rows: Range<Int>) -> Tensor {
        let rest = shape.dimensions.dropFirst(), count = shape.dimensions[0]
        let part = Shape([rows.count] + rest)
        return withExtendedLifetime(self) {
            let size = bytes.count / count
            let buffer = TensorBuffer(byteCount: rows.count * size)
            buffer.mutableBytes.copyMemory(from: UnsafeRawBufferPointer(rebasing: bytes[rows.lowerBound * size..<rows.upperBound * size]))
            return Tensor(elementType: elementType, shape: part, buffer: buffer)
        }
    }
}
