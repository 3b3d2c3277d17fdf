import Tensors

extension SparseTensor {
    /// Returns the position of each value in the dense tensor, row-major. Throws where a position is outside the shape.
    func positions(externalData directory: ExternalDataDirectory?) throws(ONNXError) -> [Int] {
        let indices = try self.indices.tensor(externalData: directory)
        let rank = shape.rank
        guard let count = values.elementCount, values.shape.rank == 1 else { throw invalid("its values have the shape \(values.shape)") }
        guard indices.elementType == .int64, let numbers = indices.values(as: Int64.self) else {
            throw invalid("its indices are \(indices.elementType.name), not int64")
        }
        let extent = shape.elementCount ?? 0
        if indices.shape == [count] {
            return try numbers.map { (number) throws(ONNXError) in
                guard number >= 0, number < extent else { throw invalid("index \(number) lies outside \(shape)") }
                return Int(number)
            }
        }
        guard indices.shape == [count, rank] else {
            throw invalid("its indices \(indices.shape) fit neither [NNZ] nor [NNZ, rank] of values \(values.shape)")
        }
        let strides = shape.strides
        var positions: [Int] = []
        positions.reserveCapacity(count)
        for entry in 0..<count {
            var position = 0
            for axis in 0..<rank {
                let index = Int(numbers[entry * rank + axis])
                guard index >= 0, index < shape.dimensions[axis] else {
                    throw invalid("index \(index) of axis \(axis) lies outside \(shape)")
                }
                position += index * strides[axis]
            }
            positions.append(position)
        }
        return positions
    }

    private var place: String { "sparse tensor '\(name)'" }
    private func invalid(_ reason: String) -> ONNXError { .invalid(place: place, reason: reason) }
}
