// Functions on the rows of a tensor, which are its first axis: rows are repeated, cut, and moved to another axis.

extension Tensor {
    /// Repeats `row` for each of `count` rows, on a new first axis.
    package init(_ elementType: ElementType, repeating row: Tensor, count: Int) {
        let shape = Shape([count] + row.shape.dimensions)
        if let strings = row.strings {
            self.init(strings: Array(repeatElement(strings, count: count).joined()), shape: shape)
            return
        }
        let size = row.bytes.count
        let buffer = TensorBuffer(byteCount: count * size)
        withExtendedLifetime(row) {
            for index in 0..<count where size > 0 {
                (buffer.address + index * size).copyMemory(from: row.bytes.baseAddress!, byteCount: size)
            }
        }
        self.init(elementType: elementType, shape: shape, buffer: buffer)
    }

    /// Returns the first `count` rows; where there are fewer, the last one is repeated. Returns nil where there are none, or where a row
    /// ends within a byte.
    package func rows(_ count: Int) -> Tensor? {
        guard let have = shape.dimensions.first, have > 0 else { return nil }
        if have == count { return self }
        let inner = Array(shape.dimensions.dropFirst())
        let wanted = Shape([count] + inner), perRow = inner.reduce(1, *)
        if let strings {
            return Tensor(
                strings: (0..<count).flatMap { strings[(min($0, have - 1) * perRow)..<((min($0, have - 1) + 1) * perRow)] }, shape: wanted)
        }
        guard let bits = elementType.bitWidth, perRow * bits % 8 == 0 else { return nil }
        let size = perRow * bits / 8
        let buffer = TensorBuffer(byteCount: count * size)
        withExtendedLifetime(self) {
            guard size > 0, let source = bytes.baseAddress else { return }
            buffer.address.copyMemory(from: source, byteCount: min(have, count) * size)
            for row in min(have, count)..<count {
                (buffer.address + row * size).copyMemory(from: source + (have - 1) * size, byteCount: size)
            }
        }
        return Tensor(elementType: elementType, shape: wanted, buffer: buffer)
    }

    /// Returns the same elements with the axis `from` at the place `to` and the others in their order. Returns nil where elements are parts
    /// of bytes.
    package func movingAxis(_ from: Int, to: Int) -> Tensor? {
        precondition(shape.dimensions.indices.contains(from) && shape.dimensions.indices.contains(to), "axis \(from) to \(to) of \(shape)")
        if from == to { return self }
        var axes = shape.dimensions
        axes.insert(axes.remove(at: from), at: to)
        let moved = Shape(axes)
        // In both directions two groups of axes change places: [A, R, B] and [R, A, B], with other axes before and after them.
        let low = min(from, to), high = max(from, to)
        let outer = shape.dimensions[..<low].reduce(1, *), inner = shape.dimensions[(high + 1)...].reduce(1, *)
        let first = from < to ? shape.dimensions[from] : shape.dimensions[low..<high].reduce(1, *)
        let second = from < to ? shape.dimensions[(low + 1)...high].reduce(1, *) : shape.dimensions[from]
        if let strings {
            var values: [String] = []
            values.reserveCapacity(strings.count)
            for block in 0..<outer {
                for right in 0..<second {
                    for left in 0..<first {
                        let start = ((block * first + left) * second + right) * inner
                        values += strings[start..<(start + inner)]
                    }
                }
            }
            return Tensor(strings: values, shape: moved)
        }
        guard let bits = elementType.bitWidth, bits % 8 == 0 else { return nil }
        let size = inner * bits / 8
        let buffer = TensorBuffer(byteCount: bytes.count)
        withExtendedLifetime(self) {
            guard size > 0, let source = bytes.baseAddress else { return }
            var target = buffer.address
            for block in 0..<outer {
                for right in 0..<second {
                    for left in 0..<first {
                        target.copyMemory(from: source + ((block * first + left) * second + right) * size, byteCount: size)
                        target += size
                    }
                }
            }
        }
        return Tensor(elementType: elementType, shape: moved, buffer: buffer)
    }
}
