internal import CArrow
internal import Names
internal import Reasons

/// Describes a finished table.
package struct WrittenTable: Hashable, Sendable {
    package let rowCount: Int
    package let byteCount: Int
}

/// Writes a CSV, JSON Lines, Parquet or Arrow file batch by batch, in bounded memory, on the calling thread. The same batches give the same
/// bytes. Nothing is synced: the caller makes the file durable.
///
/// CSV has a header, `\n` line ends, and quotes where needed; null is the empty cell, the empty string is `""`.
/// JSON Lines has one object a line, with keys in column order; null, NaN and the infinities are `null`; numbers are the shortest text that
/// is read back as the same value of their type (64-bit integers in full); control characters, `"` and `\` are escaped, other characters
/// are written as UTF-8.
/// Both write dates and times as ISO 8601 text, decimals in full, binary values as base64, and lists and structs as JSON.
package final class TableWriter {
    package let file: String
    package let schema: TableSchema
    package private(set) var rowCount = 0

    private enum Backend {
        case native(NativeTableWriter)
        case text(TextTableWriter)
    }
    private let backend: Backend
    private let descriptor: OwnedDescriptor

    /// Makes the file, or empties it where it is there. `metadata` goes into Parquet and Arrow files; text has no place for it.
    package convenience init(
        path: String, format: TableFormat, schema: TableSchema, metadata: [(key: String, value: String)] = []
    ) throws(ColumnarError) {
        try self.init(OutputFiles(path: path), format: format, schema: schema, metadata: metadata)
    }

    convenience init(
        _ files: OutputFiles, format: TableFormat, schema: TableSchema, metadata: [(key: String, value: String)]
    ) throws(ColumnarError) {
        try self.init(files.begin(), files.path, format, schema, metadata)
    }

    /// Makes the Arrow stream of a part, which has the same columns as the table that it belongs to.
    init(part descriptor: OwnedDescriptor, path: String, schema: TableSchema) throws(ColumnarError) {
        try Self.checkNames(schema, file: path)
        backend = .native(
            try NativeTableWriter(descriptor, file: path, code: Int32(CARROW_IPC_STREAM), schema: schema, metadata: []))
        self.descriptor = descriptor
        file = path
        self.schema = schema
    }

    private static func checkNames(_ schema: TableSchema, file: String) throws(ColumnarError) {
        var seen: NameSet = []
        for field in schema.fields where !seen.insert(field.name).inserted {
            throw .mismatch(
                TableLocation(file: file, column: field.name),
                reason: "two output columns have this name: rename one in the pipeline's outputs, or keep one column less")
        }
    }

    init(
        _ descriptor: OwnedDescriptor, _ file: String, _ format: TableFormat, _ schema: TableSchema,
        _ metadata: [(key: String, value: String)]
    ) throws(ColumnarError) {
        try Self.checkNames(schema, file: file)
        guard format.compression == .none else { throw .unsupported(file: file, reason: "\(format) is read, not written") }
        switch format.kind {
        case .csv, .jsonLines:
            backend = .text(try TextTableWriter(descriptor, file: file, format: format, schema: schema))
        case .parquet, .arrow:
            backend = .native(
                try NativeTableWriter(descriptor, file: file, code: format.code ?? 0, schema: schema, metadata: metadata))
        case .npy, .npz:
            throw .unsupported(file: file, reason: "\(format) holds arrays, not a table")
        }
        self.descriptor = descriptor
        self.file = file
        self.schema = schema
    }

    /// Appends rows, whose columns must be the schema's in number, order and type. The batch's memory may be held until `finish()`.
    package func write(_ batch: RecordBatch) throws(ColumnarError) {
        guard batch.columns.map(\.field) == schema.fields else {
            throw .mismatch(TableLocation(file: file), reason: "the columns changed between batches: \(changes(batch))")
        }
        rowCount += batch.rowCount
        switch backend {
        case .native(let writer): try writer.write(batch)
        case .text(let writer): try writer.write(batch)
        }
    }

    /// Writes what is left; after that the file is whole, and the writer takes no more rows.
    package func finish() throws(ColumnarError) -> WrittenTable {
        let byteCount =
            switch backend {
            case .native(let writer): try writer.finish()
            case .text(let writer): try writer.finish()
            }
        return WrittenTable(rowCount: rowCount, byteCount: byteCount)
    }

    private func changes(_ batch: RecordBatch) -> String {
        let now = batch.columns.map { "\($0.field.name) (\($0.field.type.name))" }
        let first = schema.fields.map { "\($0.name) (\($0.type.name))" }
        return "first \(first.joined(separator: ", ")), now \(now.joined(separator: ", "))"
    }
}

/// Writes Parquet and Arrow through CArrow.
private final class NativeTableWriter {
    private let handle: OpaquePointer
    /// The file, whose address `handle` has.
    private let descriptor: OwnedDescriptor
    private let file: String
    private let names: [String]

    init(
        _ descriptor: OwnedDescriptor, file: String, code: Int32, schema: TableSchema, metadata: [(key: String, value: String)]
    ) throws(ColumnarError) {
        let memory = MemoryOwner()
        let pairs = memory.allocate(UnsafePointer<CChar>?.self, count: 2 * metadata.count)
        for (index, pair) in metadata.enumerated() {
            (pairs + 2 * index).initialize(to: memory.cString(pair.key))
            (pairs + 2 * index + 1).initialize(to: memory.cString(pair.value))
        }
        var options = CArrowWriteOptions()
        options.format = code
        options.descriptor = descriptor.number
        options.row_group_rows = 65_536
        options.row_group_bytes = 64 << 20
        options.metadata = UnsafePointer(pairs)
        options.metadata_count = Int32(metadata.count)
        if descriptor.appended != nil {
            options.appended_context = Unmanaged.passUnretained(descriptor).toOpaque()
            options.appended = { context, data, count in
                guard let context else { return }
                let descriptor = Unmanaged<OwnedDescriptor>.fromOpaque(context).takeUnretainedValue()
                descriptor.appended?(UnsafeRawBufferPointer(start: data, count: Int(count)))
            }
        }
        var native = exportSchema(schema.fields)
        var opened: OpaquePointer?
        var error = CArrowError()
        let status = withExtendedLifetime(memory) { carrow_writer_open(&options, &native, &opened, &error) }
        guard status == 0, let opened else { throw ColumnarError(error, file: file) }
        handle = opened
        self.descriptor = descriptor
        self.file = file
        names = schema.names
    }

    deinit { carrow_writer_close(handle) }

    func write(_ batch: RecordBatch) throws(ColumnarError) {
        var array = exportArray(batch)
        var error = CArrowError()
        guard carrow_writer_write(handle, &array, &error) == 0 else { throw ColumnarError(error, file: file, columns: names) }
    }

    func finish() throws(ColumnarError) -> Int {
        var byteCount: Int64 = 0
        var error = CArrowError()
        guard carrow_writer_finish(handle, &byteCount, &error) == 0 else { throw ColumnarError(error, file: file, columns: names) }
        return Int(byteCount)
    }
}
