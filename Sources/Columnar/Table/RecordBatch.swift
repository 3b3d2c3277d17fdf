internal import CArrow
internal import Names

/// Holds the values of one column over some rows, in Arrow's layout. The memory is shared and never changed.
package struct Column: @unchecked Sendable {
    package let field: Field
    package let count: Int
    /// A shallow copy whose offset and length are the column's; its buffers belong to `owner`.
    let array: ArrowArray
    let owner: AnyObject

    init(field: Field, array: ArrowArray, owner: AnyObject) {
        self.field = field
        self.array = array
        self.owner = owner
        count = Int(array.length)
    }

    /// Returns `rows` of the column, without a copy.
    package func slice(_ rows: Range<Int>) -> Column {
        precondition(rows.lowerBound >= 0 && rows.upperBound <= count, "rows \(rows) of \(count)")
        if rows.count == count { return self }
        var part = array
        part.offset += Int64(rows.lowerBound)
        part.length = Int64(rows.count)
        part.null_count = array.null_count == 0 ? 0 : -1
        return Column(field: field, array: part, owner: owner)
    }

    /// Tells whether a row may be null; false only where none is.
    package var mayHaveNulls: Bool { field.type == .null || (array.null_count != 0 && validity != nil) }

    package func isNull(_ row: Int) -> Bool {
        if field.type == .null { return true }
        guard array.null_count != 0, let validity else { return false }
        let bit = Int(array.offset) + row
        return validity[bit >> 3] & (1 << UInt8(bit & 7)) == 0
    }

    /// The validity bitmap, which begins at the array's own start: the bit of the first row is at `array.offset`.
    var validity: UnsafePointer<UInt8>? {
        guard array.n_buffers > 0, let bytes = array.buffers[0] else { return nil }
        return bytes.assumingMemoryBound(to: UInt8.self)
    }

    /// Returns the values of a fixed-width column, beginning with the first row. `Value` must be the type that the format names.
    func values<Value>(as type: Value.Type) -> UnsafePointer<Value> {
        guard let bytes = array.buffers[1] else { return UnsafePointer(emptyMemory.assumingMemoryBound(to: Value.self)) }
        return bytes.assumingMemoryBound(to: Value.self) + Int(array.offset)
    }
}

extension Column {
    /// Returns the bytes of a column whose values have `size` bytes each.
    func rawValues(size: Int) -> UnsafeRawBufferPointer {
        UnsafeRawBufferPointer(start: (array.buffers[1] ?? emptyMemory) + Int(array.offset) * size, count: count * size)
    }
}

/// The address for columns without memory: an array of no rows may have no buffers.
nonisolated(unsafe) let emptyMemory = UnsafeRawPointer(UnsafeMutableRawPointer.allocate(byteCount: 64, alignment: 64))

/// Holds some rows of a table.
package struct RecordBatch: Sendable {
    package let columns: [Column]
    package let rowCount: Int

    /// Makes a batch of `columns`, which have `rowCount` rows each.
    package init(columns: [Column], rowCount: Int) {
        precondition(columns.allSatisfy { $0.count == rowCount }, "columns of different lengths")
        self.columns = columns
        self.rowCount = rowCount
    }

    package var schema: TableSchema { TableSchema(fields: columns.map(\.field)) }

    package func slice(_ rows: Range<Int>) -> RecordBatch {
        RecordBatch(columns: columns.map { $0.slice(rows) }, rowCount: rows.count)
    }
}
