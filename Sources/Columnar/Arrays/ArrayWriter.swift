internal import Names
internal import Reasons
package import Tensors

/// Writes the rows of tensors, one after the other, as a `.npy` file (one array) or a stored `.npz` archive (any number of arrays). It uses
/// bounded memory: what does not fit waits in temporary files. The same rows give the same bytes.
///
/// float16 stays; bfloat16, float8 and float4 become the float32 that equals them, and integers of less than eight bits become int8 or
/// uint8. Strings become NumPy's fixed-width text, which cannot hold zeros at the end.
package final class ArrayWriter {
    package let file: String
    package private(set) var rowCount = 0

    private struct Item {
        let name: String
        let type: ElementType
        let rowShape: [Int]
        let spilled: SpillBuffer
        var rows = 0
        /// The length of the longest string, in Unicode scalars.
        var longest = 1
    }
    private var items: [Item] = []
    private let isArchive: Bool
    private let descriptor: OwnedDescriptor
    private let files: OutputFiles
    private var position = 0

    /// Makes the file, or empties it where it is there.
    package convenience init(path: String, format: TableFormat) throws(ColumnarError) {
        try self.init(OutputFiles(path: path), format: format)
    }

    init(_ files: OutputFiles, format: TableFormat) throws(ColumnarError) {
        guard format.isArrays else { throw .unsupported(file: files.path, reason: "\(format) is no format for arrays") }
        isArchive = format.kind == .npz
        descriptor = try files.begin()
        file = files.path
        self.files = files
    }

    /// Appends rows to the array of that name. In the end, every array must have the same number of rows.
    package func append(_ name: String, _ tensor: Tensor) throws(ColumnarError) {
        guard let rows = tensor.shape.dimensions.first else {
            throw .unsupported(file: file, reason: "\"\(name)\" is a single value, not rows")
        }
        let rowShape = Array(tensor.shape.dimensions.dropFirst())
        let position: Int
        if let known = items.firstIndex(where: { $0.name.isName(name) }) {
            position = known
        } else {
            guard isArchive || items.isEmpty else {
                throw .unsupported(
                    file: file, reason: "an .npy file holds one array, and \"\(items[0].name)\" and \"\(name)\" are to be written: use .npz"
                )
            }
            items.append(Item(name: name, type: tensor.elementType, rowShape: rowShape, spilled: SpillBuffer(files)))
            position = items.count - 1
        }
        guard items[position].type == tensor.elementType, items[position].rowShape == rowShape else {
            throw .mismatch(
                TableLocation(file: file, column: name),
                reason: "the shape changed between batches: rows of \(Shape(items[position].rowShape)), now \(Shape(rowShape))")
        }
        items[position].rows += rows
        rowCount = max(rowCount, items[position].rows)
        let spool = items[position].spilled
        if let strings = tensor.strings {
            var bytes: [UInt8] = []
            for string in strings {
                items[position].longest = max(items[position].longest, string.unicodeScalars.count)
                bytes.append(littleEndian: UInt32(string.utf8.count))
                bytes.append(contentsOf: string.utf8)
            }
            try bytes.withUnsafeBytesTyped { all throws(ColumnarError) in try spool.append(all) }
        } else if NpyHeader.code(of: tensor.elementType) != nil {
            try spool.append(tensor.bytes)
        } else {
            let plain = tensor.plain
            try spool.append(plain.bytes)
        }
    }

    package func finish() throws(ColumnarError) -> WrittenTable {
        for item in items where item.rows != rowCount {
            throw .mismatch(TableLocation(file: file, column: item.name), reason: "\(item.rows) rows were given, of others \(rowCount)")
        }
        if isArchive {
            try writeArchive()
        } else if let item = items.first {
            try write(header(item))
            try forEachPiece(of: item) { piece throws(ColumnarError) in try self.write(piece) }
        }
        return WrittenTable(rowCount: rowCount, byteCount: position)
    }

    private func writeArchive() throws(ColumnarError) {
        var directory: [UInt8] = []
        for item in items {
            let start = position
            let name = Array((item.name + ".npy").utf8)
            try write(ZipRecord.localHeader(name, crc: 0, size: 0))
            let head = header(item)
            var crc = crc32(0, head)
            try write(head)
            try forEachPiece(of: item) { piece throws(ColumnarError) in
                crc = crc32(crc, piece)
                try self.write(piece)
            }
            let size = position - start - ZipRecord.localHeaderByteCount(name)
            let local = ZipRecord.localHeader(name, crc: crc, size: size)
            try local.withUnsafeBytesTyped { bytes throws(ColumnarError) in try descriptor.write(bytes, at: start, file: file) }
            directory += ZipRecord.directoryEntry(name, crc: crc, size: size, offset: start)
        }
        let start = position
        try write(directory)
        try write(ZipRecord.end(count: items.count, directorySize: directory.count, directoryOffset: start))
    }

    private func header(_ item: Item) -> [UInt8] {
        let code = item.type == .string ? "<U\(item.longest)" : NpyHeader.code(of: item.type.plain) ?? "<f4"
        return NpyHeader.bytes(code: code, rowCount: item.rows, rowShape: item.rowShape)
    }

    /// Calls `body` with pieces of the array's bytes, as NumPy lays them out.
    private func forEachPiece(of item: Item, _ body: ([UInt8]) throws(ColumnarError) -> Void) throws(ColumnarError) {
        guard item.type == .string else {
            return try item.spilled.forEachPiece { piece throws(ColumnarError) in try body(Array(piece)) }
        }
        var rest: [UInt8] = []
        try item.spilled.forEachPiece { piece throws(ColumnarError) in
            rest.append(contentsOf: piece)
            var used = 0
            var cells: [UInt8] = []
            while rest.count - used >= 4 {
                let count = Int(rest[used]) | Int(rest[used + 1]) << 8 | Int(rest[used + 2]) << 16 | Int(rest[used + 3]) << 24
                guard rest.count - used - 4 >= count else { break }
                let string = String(decoding: rest[used + 4..<used + 4 + count], as: UTF8.self)
                for scalar in string.unicodeScalars { cells.append(littleEndian: scalar.value) }
                cells.append(contentsOf: repeatElement(0, count: 4 * (item.longest - string.unicodeScalars.count)))
                used += 4 + count
                if cells.count > 1 << 20 {
                    try body(cells)
                    cells.removeAll(keepingCapacity: true)
                }
            }
            rest.removeFirst(used)
            try body(cells)
        }
    }

    private func write(_ bytes: [UInt8]) throws(ColumnarError) {
        try bytes.withUnsafeBytesTyped { all throws(ColumnarError) in try descriptor.write(all, at: position, file: file) }
        position += bytes.count
    }
}

extension ElementType {
    /// The type that NumPy has for the values.
    fileprivate var plain: ElementType {
        if NpyHeader.code(of: self) != nil || self == .string { return self }
        return isFloatingPoint ? .float32 : self == .int4 || self == .int2 ? .int8 : .uint8
    }
}
