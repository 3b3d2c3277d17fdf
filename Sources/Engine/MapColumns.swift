package import Tensors

/// Turns a sequence of maps, one per row, as classifiers with a ZipMap give it, into a table.
package struct MapColumns: Sendable {
    /// The keys, of shape `[K]`, in the order of the first row's map: int64 or string.
    package let keys: Tensor
    /// The values, of shape `[N, K]`.
    package let values: Tensor

    /// Makes the table; returns `nil` where `value` is no sequence of maps, or where a row has other keys than the first, or values that
    /// are not numbers. Without rows there are no keys.
    package init?(_ value: EngineValue) {
        guard case .sequence(let rows) = value else { return nil }
        guard let first = rows.first else {
            keys = Tensor(strings: [], shape: [0])
            values = Tensor(.float32, [0, 0], [] as [Float])
            return
        }
        guard case .map(let keys, let firstValues) = first, let bits = firstValues.elementType.bitWidth, bits % 8 == 0 else {
            return nil
        }
        let count = keys.elementCount
        let rowBytes = count * bits / 8
        let buffer = TensorBuffer(byteCount: rows.count * rowBytes)
        for (index, row) in rows.enumerated() {
            guard case .map(let rowKeys, let rowValues) = row, Self.same(rowKeys, keys),
                rowValues.elementType == firstValues.elementType, rowValues.bytes.count == rowBytes
            else { return nil }
            (buffer.address + index * rowBytes).copyMemory(from: rowValues.bytes.baseAddress!, byteCount: rowBytes)
        }
        self.keys = keys
        values = Tensor(elementType: firstValues.elementType, shape: [rows.count, count], buffer: buffer)
    }

    private static func same(_ a: Tensor, _ b: Tensor) -> Bool {
        guard a.elementType == b.elementType, a.shape == b.shape else { return false }
        if let strings = a.strings { return strings == b.strings }
        return a.bytes.elementsEqual(b.bytes)
    }
}
