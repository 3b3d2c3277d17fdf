internal import CArrow
package import Names
internal import Reasons
package import Recipes

/// Writes a table once more without what a pipeline's `privacy` keeps out: without the columns that are dropped, and with hashes in place
/// of values. Every other cell means the same in the copy, to whatever takes it.
///
/// A copy of CSV is in UTF-8, with a header, commas and quotes (`dialect`); null words that were not quoted are not quoted there. One of
/// JSON Lines has the lines as they are, but for these keys. Parquet and Arrow keep their types, and of the file's own metadata only which
/// columns are pandas' index. Copies are not compressed. An archive of
/// arrays is copied as it is where it has none of the columns, and refused otherwise.
package struct PrivateCopy {
    private let path: String
    private let format: TableFormat
    private let source: OwnedDescriptor
    private let dialect: TextDialect
    private let privacy: RowPrivacy
    private let types: NameMap<String>

    /// - Parameters:
    ///   - path: the path of the table, for its format and for messages.
    ///   - descriptor: the open table, which the caller closes.
    ///   - types: the types that `schema.types` gives.
    package init(
        of path: String, open descriptor: Int32, dialect: TextDialect, privacy: RowPrivacy, types: NameMap<String>
    ) throws(ColumnarError) {
        guard let format = TableFormat(fileName: path) else {
            throw .unsupported(file: path, reason: "its name does not end like a table's (csv, jsonl, parquet, arrow, npy, npz)")
        }
        self.path = path
        self.format = format
        self.dialect = dialect
        self.privacy = privacy
        self.types = types
        source = OwnedDescriptor(borrowing: descriptor)
    }

    /// Returns the extension that the name of a copy has; nil for the name of no table.
    package static func fileExtension(of name: String) -> String? { TableFormat(fileName: name)?.kind.rawValue }

    /// Returns the dialect of copies of CSV files.
    package static func dialect(of files: TextDialect) -> TextDialect {
        TextDialect(header: .present, nullWords: files.nullWords, decimal: files.decimal)
    }

    /// Returns the columns that `privacy` names and that the file does not have.
    /// - Parameter descriptor: an empty file, which the caller closes.
    package func write(into descriptor: Int32) throws(ColumnarError) -> [String] {
        let target = OwnedDescriptor(borrowing: descriptor)
        switch format.kind {
        case .csv: return try writeCSV(to: target)
        case .jsonLines: return try writeJSONLines(to: target)
        case .parquet, .arrow: return try writeStored(to: target)
        case .npy:
            try copyBytes(to: target)
            return privacy.columns.sorted()
        case .npz:
            for entry in try ZipArchive(source, file: path).entries {
                let name = entry.name.hasSuffix(".npy") ? String(entry.name.dropLast(4)) : entry.name
                guard privacy.columns.contains(name) else { continue }
                throw .unsupported(
                    file: path,
                    reason: "`privacy` names the array \"\(name)\", and no array is taken out of an archive: write Parquet, or leave it "
                        + "out")
            }
            try copyBytes(to: target)
            return privacy.columns.sorted()
        }
    }

    // MARK: Formats

    private var options: ReadOptions {
        var options = ReadOptions()
        options.dialect = dialect
        options.descriptor = source.number
        return options
    }

    /// Returns the positions of the columns that stay, with their hashes.
    private func staying(_ schema: TableSchema) throws(ColumnarError) -> [(position: Int, hash: ColumnHash?)] {
        var staying: [(position: Int, hash: ColumnHash?)] = []
        for (position, field) in schema.fields.enumerated() where !privacy.drop.containsName(field.name) {
            let hash = try ColumnHash(of: field.name, privacy, types: types)
            if hash == nil { try privacy.check(field, file: path) }
            staying.append((position, hash))
        }
        if staying.isEmpty {
            throw .mismatch(TableLocation(file: path), reason: "`privacy` drops all of its columns, so that nothing is left to learn from")
        }
        return staying
    }

    private func writeCSV(to target: OwnedDescriptor) throws(ColumnarError) -> [String] {
        let reader = try TableReader(path: path, format: format, options: options)
        let staying = try staying(reader.schema), absent = reader.absent(among: privacy)
        var lines = CSVLines(target, file: path, nullWords: Self.dialect(of: dialect).nullWords ?? [])
        for (index, column) in staying.enumerated() { lines.add(name: reader.schema.fields[column.position].name, isFirst: index == 0) }
        try lines.endLine()
        guard !reader.hasNoRows else {
            try lines.flush()
            return absent
        }
        // Each column is read with its words and without those that mark a missing value, to know which of them were quoted.
        try reader.select(
            staying.flatMap { column in
                ["u", "~u"].map { ColumnRequest(position: column.position, format: $0) }
            })
        while let batch = try reader.next() {
            var columns: [(text: BytesColumn, known: Column)] = []
            for (index, column) in staying.enumerated() {
                var (text, known) = (batch.columns[2 * index], batch.columns[2 * index + 1])
                if let hash = column.hash {
                    text = try hash.hashed(known, file: path)
                    known = text
                }
                columns.append((try BytesColumn(text, file: path), known))
            }
            for row in 0..<batch.rowCount {
                for (index, column) in columns.enumerated() {
                    let text = column.text.column.isNull(row) ? nil : column.text.bytes(row)
                    lines.add(text, isWord: column.known.isNull(row), isFirst: index == 0)
                }
                try lines.endLine()
            }
        }
        try lines.flush()
        return absent
    }

    private func writeJSONLines(to target: OwnedDescriptor) throws(ColumnarError) -> [String] {
        let text = try TextStream(path, format, options, source)
        var filter = JSONFilter(privacy, types: types, file: path)
        var written: [UInt8] = []
        while let line = try text.nextLine() {
            try filter.append(line, to: &written)
            if written.count >= 1 << 18 { try Self.flush(&written, to: target, file: path) }
        }
        try Self.flush(&written, to: target, file: path)
        return filter.absent
    }

    private func writeStored(to target: OwnedDescriptor) throws(ColumnarError) -> [String] {
        let reader = try TableReader(path: path, format: format, options: options)
        let absent = reader.absent(among: privacy)
        // An index that pandas only counted becomes a column where it is hashed.
        reader.addIndex(privacy.hash)
        let staying = try staying(reader.schema)
        // What else a tool wrote into the file beside its columns may hold values of those that go.
        let metadata = PandasIndex.metadata(of: reader.schema.metadata, without: privacy.columns)
        try reader.select(staying.map { ColumnRequest(position: $0.position) })
        let fields = zip(staying, reader.schema.fields).map { $0.hash?.field ?? $1 }
        let writer = try TableWriter(
            target, path, TableFormat(format.kind), TableSchema(fields: fields), metadata)
        while let batch = try reader.next() {
            var columns: [Column] = []
            for (column, read) in zip(staying, batch.columns) { columns.append(try column.hash?.hashed(read, file: path) ?? read) }
            try writer.write(RecordBatch(columns: columns, rowCount: batch.rowCount))
        }
        _ = try writer.finish()
        return absent
    }

    private func copyBytes(to target: OwnedDescriptor) throws(ColumnarError) {
        var buffer = [UInt8](repeating: 0, count: 1 << 18)
        var position = 0
        while true {
            let count = try buffer.withUnsafeMutableBufferPointer { bytes throws(ColumnarError) in
                try source.read(into: UnsafeMutableRawBufferPointer(bytes), at: position, file: path)
            }
            if count == 0 { return }
            try buffer.withUnsafeBufferPointer { bytes throws(ColumnarError) in
                try target.write(UnsafeRawBufferPointer(rebasing: UnsafeRawBufferPointer(bytes)[..<count]), file: path)
            }
            position += count
        }
    }

    static func flush(_ bytes: inout [UInt8], to target: OwnedDescriptor, file: String) throws(ColumnarError) {
        try bytes.withUnsafeBufferPointer { bytes throws(ColumnarError) in
            try target.write(UnsafeRawBufferPointer(bytes), file: file)
        }
        bytes.removeAll(keepingCapacity: true)
    }
}
