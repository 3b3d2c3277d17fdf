internal import Names
internal import Reasons
internal import Tensors

/// Writes a model's outputs, with the kept columns before them, in any format.
///
/// Tables get the columns that `OutputColumns` makes. An `.npz` gets one array for each kept column and each output, under its name; for a
/// ZipMap it gets the values, and the keys as `NAME_keys`. With rules, it gets only the outputs that they name, and their class and argmax
/// columns as arrays. A `.npy` takes a single output and no kept columns.
package final class OutputWriter {
    private let files: OutputFiles
    private let format: TableFormat
    private let columns: OutputColumns
    private let metadata: [(key: String, value: String)]
    private var table: TableWriter?
    private var arrays: ArrayWriter?

    /// Prepares a writer; the file is made with the first rows.
    package init(
        _ files: OutputFiles, format: TableFormat, columns: OutputColumns = OutputColumns(), metadata: [(key: String, value: String)] = []
    ) {
        self.files = files
        self.format = format
        self.columns = columns
        self.metadata = metadata
    }

    /// Prepares a writer of the file at `path`.
    package convenience init(
        path: String, format: TableFormat, columns: OutputColumns = OutputColumns(), metadata: [(key: String, value: String)] = []
    ) {
        self.init(OutputFiles(path: path), format: format, columns: columns, metadata: metadata)
    }

    package var file: String { files.path }

    /// Appends rows. Outputs are copied, so their memory is free afterwards.
    package func write(
        kept: RecordBatch, outputs: [(name: String, value: OutputValue)], rowCount: Int
    ) throws(ColumnarError) {
        if format.isArrays { return try writeArrays(kept, outputs, rowCount) }
        try append(columns.batch(kept: kept, outputs: outputs, rowCount: rowCount, file: file))
    }

    /// Appends rows that `OutputColumns.batch` made, such as those of a part, to a table. The file's bytes are those that `write` gives.
    package func append(_ batch: RecordBatch) throws(ColumnarError) {
        precondition(format.isWrittenInParts, "rows of a table in a file of arrays")
        if table == nil { table = try tableWriter(batch.schema) }
        try table?.write(batch)
    }

    private func tableWriter(_ schema: TableSchema) throws(ColumnarError) -> TableWriter {
        try TableWriter(files, format: format, schema: schema, metadata: metadata)
    }

    /// Makes the file without rows.
    /// - Parameter sample: the model's outputs for one row, which give the columns and types of the file; `nil` where they are not known.
    package func writeNoRows(kept: [Field], sample: [(name: String, value: OutputValue)]?) throws(ColumnarError) {
        if format.isArrays {
            let none = RecordBatch(columns: kept.map { Column(name: $0.name, strings: [String]()).withField($0) }, rowCount: 0)
            return try writeArrays(none, [], 0, sample: sample)
        }
        let made =
            try sample.map { sample throws(ColumnarError) in
                try columns.columns(sample, rowCount: 1, file: file).map(\.field)
            } ?? []
        table = try tableWriter(TableSchema(fields: kept + made))
    }

    package func finish() throws(ColumnarError) -> WrittenTable {
        if let table { return try table.finish() }
        if let arrays { return try arrays.finish() }
        preconditionFailure("a file of which nothing was written, not even that it has no rows")
    }

    private func writeArrays(
        _ kept: RecordBatch, _ outputs: [(name: String, value: OutputValue)], _ rowCount: Int,
        sample: [(name: String, value: OutputValue)]? = nil
    ) throws(ColumnarError) {
        let writer: ArrayWriter
        if let arrays {
            writer = arrays
        } else {
            writer = try ArrayWriter(files, format: format)
            arrays = writer
        }
        let names = kept.columns.map(\.field.name) + columns.arrayNames((sample ?? outputs).map(\.name))
        for (index, name) in names.enumerated() where names[..<index].containsName(name) {
            throw .mismatch(
                TableLocation(file: file, column: name),
                reason: "two output arrays have this name: keep one column less, or rename the class column")
        }
        if format.kind == .npy, names.count != 1 {
            throw .unsupported(
                file: file,
                reason:
                    "an .npy file holds one array, and these are to be written: \(listed(names)): use .npz, or one output and "
                    + "no kept columns"
            )
        }
        for column in kept.columns { try writer.append(column.field.name, column.tensor(file: file)) }
        if let sample {
            for (name, tensor) in try columns.arrays(sample, rowCount: 1, file: file) { try writer.append(name, tensor.withoutRows) }
        } else if rowCount > 0 {
            for (name, tensor) in try columns.arrays(outputs, rowCount: rowCount, file: file) { try writer.append(name, tensor) }
        }
    }
}

extension Tensor {
    /// A tensor without rows, of the same shape and type.
    fileprivate var withoutRows: Tensor {
        let none = Shape([0] + self.shape.dimensions.dropFirst())
        if strings != nil { return Tensor(strings: [], shape: none) }
        return Tensor(elementType: elementType, shape: none, buffer: TensorBuffer(byteCount: 0))
    }
}

extension Column {
    /// Returns a column without rows of the field's type where arrays have that type, and of text otherwise.
    fileprivate func withField(_ field: Field) -> Column {
        guard case .number = field.type else { return self }
        return Column(name: field.name, format: field.format, count: 0) { (_: UnsafeMutablePointer<UInt64>) in }
    }

    /// Returns the values as a `[N]` tensor: numbers without nulls unchanged, all else as text; null is NaN in floats and empty in text.
    func tensor(file: String) throws(ColumnarError) -> Tensor {
        var plain = self
        if case .dictionary = field.type { plain = try cast(to: field.valueFormat, file: file) }
        switch plain.field.type {
        case .number(let type) where !plain.mayHaveNulls || type.isFloatingPoint:
            let size = (type.bitWidth ?? 8) / 8
            let buffer = TensorBuffer(byteCount: count * size)
            withExtendedLifetime(plain.owner) {
                buffer.mutableBytes.copyMemory(from: plain.rawValues(size: size))
            }
            for row in 0..<count where plain.isNull(row) {
                switch type {
                case .float16: buffer.address.assumingMemoryBound(to: Float16.self)[row] = .nan
                case .float32: buffer.address.assumingMemoryBound(to: Float.self)[row] = .nan
                default: buffer.address.assumingMemoryBound(to: Double.self)[row] = .nan
                }
            }
            return Tensor(elementType: type, shape: [count], buffer: buffer)
        case .boolean where !plain.mayHaveNulls:
            var bytes: [UInt8] = []
            let cell = try CellText(plain, isJSON: false, file: file)
            for row in 0..<count {
                var text: [UInt8] = []
                cell.append(row, to: &text)
                bytes.append(text.first == UInt8(ascii: "t") ? 1 : 0)
            }
            return Tensor(.bool, [count], bytes)
        case .string:
            let strings = try BytesColumn(plain, file: file)
            return Tensor(strings: (0..<count).map { plain.isNull($0) ? "" : strings[$0] }, shape: [count])
        default:
            let cell = try CellText(plain, isJSON: true, file: file)
            return Tensor(
                strings: (0..<count).map { row in
                    if plain.isNull(row) { return "" }
                    var text: [UInt8] = []
                    cell.append(row, to: &text)
                    if text.first == UInt8(ascii: "\"") { text = Array(text.dropFirst().dropLast()) }
                    return String(decoding: text, as: UTF8.self)
                }, shape: [count])
        }
    }
}
