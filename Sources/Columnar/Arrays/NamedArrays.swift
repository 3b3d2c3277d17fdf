internal import Reasons
package import Tensors

/// Reads and writes whole arrays of any shape by name, as `numpy.savez` and `numpy.load` do: they are not rows of a table.
package enum NamedArrays {
    /// Returns the arrays of an `.npz` file in its order; the array of an `.npy` file has no name.
    package static func read(_ path: String) throws(ColumnarError) -> [(name: String, tensor: Tensor)] {
        let descriptor = try OwnedDescriptor(reading: path)
        guard let format = TableFormat(fileName: path), format.isArrays else {
            throw .unsupported(file: path, reason: "not an array file by its name")
        }
        if format.kind == .npy { return [("", try tensor("", EntryBytes(descriptor, file: path), path))] }
        var arrays: [(name: String, tensor: Tensor)] = []
        for entry in try ZipArchive(descriptor, file: path).entries {
            let name = entry.name.hasSuffix(".npy") ? String(entry.name.dropLast(4)) : entry.name
            arrays.append((name, try tensor(name, EntryBytes(descriptor, entry, file: path), path)))
        }
        return arrays
    }

    /// Returns the names of the arrays of an `.npz` file, in its order.
    package static func names(_ path: String) throws(ColumnarError) -> [String] {
        try ZipArchive(try OwnedDescriptor(reading: path), file: path).entries.map { entry in
            entry.name.hasSuffix(".npy") ? String(entry.name.dropLast(4)) : entry.name
        }
    }

    /// Writes an `.npz` file; one that is there is emptied. The same arrays give the same bytes.
    package static func write(_ arrays: [(name: String, tensor: Tensor)], to path: String) throws(ColumnarError) {
        let descriptor = try OwnedDescriptor(writing: path)
        var directory: [UInt8] = []
        var position = 0
        func write(_ bytes: UnsafeRawBufferPointer) throws(ColumnarError) {
            try descriptor.write(bytes, at: position, file: path)
            position += bytes.count
        }
        func write(_ bytes: [UInt8]) throws(ColumnarError) {
            try bytes.withUnsafeBytesTyped { all throws(ColumnarError) in try write(all) }
        }
        for (name, tensor) in arrays {
            guard let code = NpyHeader.code(of: tensor.elementType), tensor.elementType != .string else {
                throw .unsupported(file: path, reason: "NumPy has no type for \"\(name)\", which is \(tensor.elementType.name)")
            }
            let start = position
            let entry = Array((name + ".npy").utf8)
            let head = NpyHeader.bytes(code: code, shape: tensor.shape.dimensions)
            let crc = withExtendedLifetime(tensor) { crc32(crc32(0, head), tensor.bytes) }
            let size = head.count + tensor.bytes.count
            try write(ZipRecord.localHeader(entry, crc: crc, size: size))
            try write(head)
            try withExtendedLifetime(tensor) { () throws(ColumnarError) in try write(tensor.bytes) }
            directory += ZipRecord.directoryEntry(entry, crc: crc, size: size, offset: start)
        }
        let start = position
        try write(directory)
        try write(ZipRecord.end(count: arrays.count, directorySize: directory.count, directoryOffset: start))
    }

    private static func tensor(_ name: String, _ bytes: EntryBytes, _ path: String) throws(ColumnarError) -> Tensor {
        let rows = try ArrayRows(name: name, bytes, file: path, allowsScalar: true)
        let shape = Shape(rows.header.shape)
        let column = try rows.next(rows.rowCount)
        guard case .numbers(let type) = rows.header.elements else {
            return Tensor(strings: try column.texts(file: path).map { $0 ?? "" }, shape: shape)
        }
        let tensor = withExtendedLifetime(column.owner) {
            Tensor(elementType: type, shape: shape, bytes: column.rawValues(size: (type.bitWidth ?? 8) / 8))
        }
        guard let tensor else {
            throw .badFile(TableLocation(file: path, column: name), reason: "its shape \(shape) does not fit its bytes")
        }
        return tensor
    }
}
