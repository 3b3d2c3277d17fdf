internal import Reasons

/// Writes and reads the end of a part: a mark and the number of rows. A part without it was cut off.
private enum PartEnd {
    static let mark: [UInt8] = Array("MILLPART".utf8)
    static let byteCount = 16

    static func bytes(rowCount: Int) -> [UInt8] { mark + (0..<8).map { UInt8(truncatingIfNeeded: rowCount >> (8 * $0)) } }

    static func rowCount(_ bytes: [UInt8]) -> Int? {
        guard bytes.count == byteCount, bytes.starts(with: mark) else { return nil }
        return (0..<8).reduce(0) { $0 | Int(bytes[8 + $1]) << (8 * $1) }
    }
}

/// Writes some of an output's rows to a file of their own, batch by batch: an Arrow stream, with types and dictionaries as they are, and
/// then the number of rows. Nothing is synced.
package final class PartWriter {
    package let file: String
    private let descriptor: OwnedDescriptor
    private var table: TableWriter?

    /// Makes the file, or empties it where it is there.
    /// - Parameter descriptor: the file where it is open already, and empty; the writer closes it.
    package init(path: String, open descriptor: Int32? = nil) throws(ColumnarError) {
        file = path
        if let descriptor {
            self.descriptor = OwnedDescriptor(owning: descriptor)
        } else {
            self.descriptor = try OwnedDescriptor(writing: path)
        }
    }

    /// Appends rows, as `OutputColumns.batch` makes them. All batches must have the same columns.
    package func write(_ batch: RecordBatch) throws(ColumnarError) {
        if table == nil { table = try TableWriter(part: descriptor, path: file, schema: batch.schema) }
        try table?.write(batch)
    }

    /// Completes the part, which may have no rows.
    package func finish() throws(ColumnarError) -> WrittenTable {
        let written = try table?.finish() ?? WrittenTable(rowCount: 0, byteCount: 0)
        try PartEnd.bytes(rowCount: written.rowCount).withUnsafeBytesTyped { bytes throws(ColumnarError) in
            try descriptor.write(bytes, file: file)
        }
        return WrittenTable(rowCount: written.rowCount, byteCount: written.byteCount + PartEnd.byteCount)
    }
}

/// Reads a part batch by batch, for `OutputWriter.append`: the batches, columns and types that were written.
package final class PartReader {
    package let rowCount: Int
    private let file: String
    private let descriptor: OwnedDescriptor
    private let reader: TableReader?
    private var rowsRead = 0

    /// Opens a part. Throws `.badFile` where it was cut off.
    /// - Parameter open: the file where it is open already; the reader closes it.
    package init(path: String, open number: Int32? = nil) throws(ColumnarError) {
        file = path
        let descriptor = if let number { OwnedDescriptor(owning: number) } else { try OwnedDescriptor(reading: path) }
        self.descriptor = descriptor
        guard let rowCount = try Self.rowCount(descriptor, file: path) else {
            throw .badFile(TableLocation(file: path), reason: "the part is cut off")
        }
        self.rowCount = rowCount
        var options = ReadOptions()
        options.descriptor = descriptor.number
        reader = rowCount == 0 ? nil : try TableReader(path: path, format: TableFormat(.arrow), options: options)
    }

    /// Returns whether the file is a part that was written to its end.
    /// - Parameter descriptor: the file where it is open already; it stays the caller's.
    package static func isComplete(path: String, open descriptor: Int32? = nil) -> Bool {
        guard let descriptor = try? OwnedDescriptor.reading(path, open: descriptor) else { return false }
        return (try? rowCount(descriptor, file: path)) ?? nil != nil
    }

    /// Returns the next rows; `nil` at the end.
    package func next() throws(ColumnarError) -> RecordBatch? {
        let batch = try reader?.next()
        rowsRead += batch?.rowCount ?? 0
        guard batch != nil || rowsRead == rowCount else {
            throw .badFile(TableLocation(file: file), reason: "the part has \(rowsRead) rows, and its end says \(rowCount)")
        }
        return batch
    }

    private static func rowCount(_ descriptor: OwnedDescriptor, file: String) throws(ColumnarError) -> Int? {
        let size = try descriptor.size(file: file)
        guard size >= PartEnd.byteCount else { return nil }
        var bytes = [UInt8](repeating: 0, count: PartEnd.byteCount)
        _ = try bytes.withUnsafeMutableBytes { target throws(ColumnarError) in
            try descriptor.read(into: target, at: size - PartEnd.byteCount, file: file)
        }
        return PartEnd.rowCount(bytes)
    }
}
