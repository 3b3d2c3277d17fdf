internal import CArrow
internal import Glibc
internal import Names
internal import Reasons
internal import Recipes

/// Names one column to read.
package struct ColumnRequest: Hashable, Sendable {
    /// The positions in the file's schema.
    package let position: Int
    /// The type of a text file's column as `carrow_reader_select` takes it; `nil` takes the type that the schema has.
    let format: String?

    package init(position: Int) {
        self.position = position
        format = nil
    }

    init(position: Int, format: String?) {
        self.position = position
        self.format = format
    }
}

/// Reads a CSV, JSON Lines, Parquet or Arrow file as a sequence of batches, with `pread`, in bounded memory and on the calling thread. An
/// error can come after good batches; then nothing that was read before it may be trusted. Only one thread may use it at a time.
package final class TableReader {
    package let file: String
    package let format: TableFormat
    /// The schema of all columns until `select`, then of the selected ones. A text file's types are guessed from its first block, or known
    /// from the whole file after `survey`.
    package private(set) var schema: TableSchema
    /// The texts that mark a missing value where a number, a boolean or a time is wanted.
    let nullWords: [String]?
    /// The first row without a value in the same column, before the text that `next` threw for; nil where there is none.
    private(set) var missingRow: Int?

    private let handle: OpaquePointer
    let descriptor: OwnedDescriptor
    private var fileNames: [String]
    /// Tells whether it is known from the start that there are no rows; for some files without rows it is not known.
    package let hasNoRows: Bool
    let dialect: TextDialect
    private let givesHints: Bool
    /// The path whose folders name columns, where it is not the file's own.
    private let originalPath: String?
    /// The columns that the file's folders or pandas' metadata name, which come after those of the file.
    private var pathColumns: [PathColumn] = []
    /// The rows that are read, and what they take from the whole file.
    let range: RowRange
    let known: KnownTable
    /// The number of rows before the next ones in the file.
    private var rowsRead: Int
    /// The selected columns, from the file or from its path; `nil` means all columns of the file.
    private var selection: [Selected]?

    private enum Selected {
        case read(Int)
        case path(PathColumn, Field)
    }

    /// Opens a regular file. Without `format`, the name of the file decides the format.
    package convenience init(path: String, format: TableFormat? = nil, options: ReadOptions = ReadOptions()) throws(ColumnarError) {
        let descriptor = try OwnedDescriptor.reading(path, open: options.descriptor)
        try self.init(descriptor, path: path, format: format, options: options)
    }

    private init(_ descriptor: OwnedDescriptor, path: String, format: TableFormat?, options: ReadOptions) throws(ColumnarError) {
        guard let format = format ?? TableFormat(fileName: path) else {
            throw .unsupported(file: path, reason: "its name does not end like a table's (csv, jsonl, parquet, arrow, npy, npz)")
        }
        guard let code = format.code else {
            throw .unsupported(file: path, reason: "\(format) holds arrays, not a table")
        }
        let dialect = options.dialect
        var native = options.native(format, code: code, path: path, descriptor: descriptor.number)
        var columns = exportSchema(options.known.columns?.map(\.field) ?? [])
        defer { columns.release?(&columns) }
        var opened: OpaquePointer?
        var error = CArrowError()
        let status = withCStrings(dialect.nullWords) { words in
            native.null_words = words.map { UnsafePointer($0.baseAddress!) }
            native.null_word_count = Int32(words?.count ?? 0)
            return withCStrings(dialect.columnNames) { names in
                native.column_names = names.map { UnsafePointer($0.baseAddress!) }
                native.column_name_count = Int32(names?.count ?? 0)
                return withUnsafeMutablePointer(to: &columns) { columns in
                    native.known = options.known.columns == nil ? nil : columns
                    return carrow_reader_open(&native, &opened, &error)
                }
            }
        }
        guard status == 0, let opened else {
            let failure = ColumnarError(error, file: path)
            throw options.givesHints
                ? DialectHint.added(to: failure, path: path, descriptor: descriptor.number, format: format, dialect: dialect) : failure
        }
        let names: [String]
        do throws(ColumnarError) {
            schema = try readSchema(opened, file: path)
            names = schema.names
        } catch {
            carrow_reader_close(opened)
            throw options.givesHints
                ? DialectHint.added(to: error, path: path, descriptor: descriptor.number, format: format, dialect: dialect) : error
        }
        hasNoRows = carrow_reader_has_no_rows(opened)
        range = options.range
        known = options.known
        rowsRead = range.firstRow
        self.dialect = dialect
        originalPath = options.originalPath
        givesHints = options.givesHints
        fileNames = names
        handle = opened
        file = path
        self.descriptor = descriptor
        self.format = format
        nullWords = dialect.nullWords
    }

    deinit { carrow_reader_close(handle) }

    /// Tells whether the schema describes the whole file: false for text that continues after its first block.
    var isSurveyed: Bool { carrow_reader_is_surveyed(handle) }

    /// Reads all of a text file for its columns and their types, and starts again. It must be called before `select`.
    func survey() throws(ColumnarError) {
        var error = CArrowError()
        guard carrow_reader_survey(handle, &error) == 0 else { throw hinted(ColumnarError(error, file: file, columns: fileNames)) }
        let found = try readSchema(handle, file: file)
        fileNames = found.names
        // A column of the file has precedence.
        pathColumns.removeAll { !found.positions(of: $0.name).isEmpty }
        schema = TableSchema(fields: found.fields + pathColumns.map(\.field), metadata: found.metadata)
    }

    /// Returns the ranges of about `byteCount` stored bytes that the file can be read in; one where it is not to be cut. It must be called
    /// after `select`.
    func cut(byteCount: Int) throws(ColumnarError) -> [RowRange] {
        guard range == .whole else { return [range] }
        var places: UnsafeMutablePointer<Int64>?
        var count: Int64 = 0
        var error = CArrowError()
        guard carrow_reader_cut(handle, Int64(byteCount), &places, &count, &error) == 0 else { throw ColumnarError(error, file: file) }
        defer { free(places) }
        let all = UnsafeBufferPointer(start: places, count: Int(count)).map { Int($0) }
        return RowRange.between(all) { format.isText ? .bytes($0) : .rows($0) }
    }

    /// The columns of a text file, without those of its path. It must be read before `select`.
    var knownColumns: [KnownColumn]? { format.isText ? schema.fields.prefix(fileNames.count).map(KnownColumn.init) : nil }

    /// Adds the columns that the folders above the file name (`date=2024-01-01/`), and the index that pandas only counted, if they are in
    /// `names` and the file does not have them.
    /// It must be called before `select`.
    package func addPathColumns(_ names: some Sequence<String>) {
        let missing = NameSet(names.filter { schema.positions(of: $0).isEmpty })
        guard !missing.isEmpty else { return }
        add(PathColumn.all(of: originalPath ?? file).filter { missing.contains($0.name) }, missing)
    }

    /// The names of the columns that the path has, and of an index that pandas only counted.
    var columnsOfPath: [String] {
        PathColumn.all(of: originalPath ?? file).map(\.name) + (PandasIndex.range(schema.metadata).map { [$0.name] } ?? [])
    }

    /// Adds the index that pandas only counted, if it is in `names` and the file does not have it. It must be called before `select`.
    func addIndex(_ names: [String]) { add([], NameSet(names.filter { schema.positions(of: $0).isEmpty })) }

    private func add(_ columns: [PathColumn], _ missing: NameSet) {
        pathColumns = columns
        if let range = PandasIndex.range(schema.metadata), missing.contains(range.name) {
            pathColumns.removeAll { $0.name.isName(range.name) }
            pathColumns.append(PathColumn(name: range.name, value: nil, range: range))
        }
        guard !pathColumns.isEmpty else { return }
        schema = TableSchema(fields: schema.fields + pathColumns.map(\.field), metadata: schema.metadata)
    }

    /// Reads only these columns, in this order: at most once, before the first `next()`.
    package func select(_ requests: [ColumnRequest]) throws(ColumnarError) {
        precondition(!requests.isEmpty, "a selection of no columns")
        let fields = schema.fields
        // Only text files write list and missing-word marks before a type.
        func field(_ request: ColumnRequest) -> Field {
            let field = fields[request.position]
            return request.format.map { Field(name: field.name, format: String($0.drop { $0 == "~" || $0 == "@" })) } ?? field
        }
        var read: [ColumnRequest] = []
        let selected = requests.map { request -> Selected in
            if request.position >= fileNames.count { return .path(pathColumns[request.position - fileNames.count], field(request)) }
            read.append(request)
            return .read(read.count - 1)
        }
        // The rows of the file must be counted even if no column of it is read.
        if read.isEmpty { read = [ColumnRequest(position: 0)] }
        let positions = read.map { Int32($0.position) }
        let memory = MemoryOwner()
        var formats = read.map { request in request.format.map { memory.cString($0) } }
        var error = CArrowError()
        let status = withExtendedLifetime(memory) {
            carrow_reader_select(handle, positions, &formats, Int32(positions.count), &error)
        }
        guard status == 0 else { throw ColumnarError(error, file: file, columns: fileNames) }
        // The reader decides what the elements of lists become.
        let hasLists = read.contains { $0.format?.utf8.first == UInt8(ascii: "@") }
        let readFields = hasLists ? try readSchema(handle, file: file).fields : read.map(field)
        schema = TableSchema(
            fields: selected.map { column in
                switch column {
                case .read(let place): readFields[place]
                case .path(_, let field): field
                }
            }, metadata: schema.metadata)
        selection = pathColumns.isEmpty ? nil : selected
    }

    /// Returns the next rows; `nil` at the end.
    package func next() throws(ColumnarError) -> RecordBatch? {
        let owner = ArrayOwner()
        var error = CArrowError()
        switch carrow_reader_next(handle, owner.array, &error) {
        case 0: return nil
        case 1: break
        default:
            missingRow = error.missing_row > 0 ? Int(error.missing_row) : nil
            throw hinted(ColumnarError(error, file: file, columns: fileNames))
        }
        // Each column gets an owner of its own, so that one that is kept does not keep the others.
        let root = owner.array.pointee
        func column(_ index: Int, _ field: Field) -> Column {
            let child = ArrayOwner(taking: root.children[index]!)
            return Column(field: field, array: child.array.pointee, owner: child)
        }
        var columns: [Column] = []
        for (index, field) in schema.fields.enumerated() {
            switch selection?[index] {
            case .path(let value, let field):
                columns.append(try value.column(field, firstRow: rowsRead, rowCount: Int(root.length), file: file))
            case .read(let place): columns.append(column(place, field))
            // A column may be read twice, as an input and as a kept column, so that there may be more of them than the file has.
            case nil where pathColumns.isEmpty || index < fileNames.count: columns.append(column(index, field))
            case nil:
                let value = pathColumns[index - fileNames.count]
                columns.append(try value.column(field, firstRow: rowsRead, rowCount: Int(root.length), file: file))
            }
        }
        rowsRead += Int(root.length)
        return RecordBatch(columns: columns, rowCount: Int(root.length))
    }

    /// Returns the error with a hint about the file's dialect from its first lines, where the dialect may be the cause.
    func hinted(_ error: ColumnarError) -> ColumnarError {
        givesHints ? DialectHint.added(to: error, path: file, descriptor: descriptor.number, format: format, dialect: dialect) : error
    }
}

/// Returns whether a name ends like `a.tsv` or `a.tsv.gz`, in any case.
func isTabbed(_ path: String) -> Bool {
    let end = path.utf8.suffix(8).map { $0 | 0x20 }
    let tsv = Array(".tsv".utf8)
    return end.suffix(4) == tsv[...] || end.dropLast(3).suffix(4) == tsv[...] || end.dropLast(4).suffix(4) == tsv[...]
}

private func readSchema(_ handle: OpaquePointer, file: String) throws(ColumnarError) -> TableSchema {
    let owner = SchemaOwner()
    var error = CArrowError()
    guard carrow_reader_schema(handle, owner.schema, &error) == 0 else { throw ColumnarError(error, file: file) }
    let root = owner.schema.pointee
    var fields: [Field] = []
    for index in 0..<Int(root.n_children) {
        guard let node = root.children[index], let field = Field(node.pointee, owner: owner) else {
            throw .badFile(TableLocation(file: file), reason: "the name of column \(index + 1) is not UTF-8 text")
        }
        fields.append(field)
    }
    return TableSchema(fields: fields, metadata: metadata(root.metadata))
}

/// Reads Arrow's packed key-value metadata: a count, then lengths and bytes.
private func metadata(_ packed: UnsafePointer<CChar>?) -> [String: String] {
    guard let packed else { return [:] }
    var cursor = UnsafeRawPointer(packed)
    func number() -> Int {
        defer { cursor += 4 }
        return Int(cursor.loadUnaligned(as: Int32.self))
    }
    func text() -> String {
        let count = number()
        defer { cursor += count }
        return String(decoding: UnsafeRawBufferPointer(start: cursor, count: count), as: UTF8.self)
    }
    var pairs: [String: String] = [:]
    for _ in 0..<number() {
        let key = text()
        pairs[key] = text()
    }
    return pairs
}

extension TableFormat {
    /// The number that CArrow has for the format; nil for formats that Arrow does not read.
    var code: Int32? {
        switch kind {
        case .csv: Int32(CARROW_CSV)
        case .jsonLines: Int32(CARROW_JSON_LINES)
        case .parquet: Int32(CARROW_PARQUET)
        case .arrow: Int32(CARROW_IPC)
        case .npy, .npz: nil
        }
    }
}

extension TextDialect {
    /// Returns the byte between the cells of a file that has this name.
    func delimiter(of path: String) -> UInt8 {
        delimiter == UInt8(ascii: ",") && isTabbed(path) ? UInt8(ascii: "\t") : delimiter
    }

    fileprivate var hasHeader: Bool {
        switch header {
        case .likely, .present: true
        case .absent: false
        }
    }

    /// The names that the caller gives to the columns of a file without a header.
    fileprivate var columnNames: [String]? { if case .absent(let names) = header { names } else { nil } }
}

extension TextDialect.Encoding {
    var code: Int32 {
        switch self {
        case .utf8: Int32(CARROW_UTF8)
        case .latin1: Int32(CARROW_LATIN1)
        case .windows1252: Int32(CARROW_WINDOWS_1252)
        case .utf16: Int32(CARROW_UTF16)
        }
    }
}

extension TableFormat.Compression {
    var code: Int32 {
        switch self {
        case .none: Int32(CARROW_UNCOMPRESSED)
        case .gzip: Int32(CARROW_GZIP)
        case .zstd: Int32(CARROW_ZSTD)
        }
    }
}

func withCStrings<Result>(_ texts: [String]?, _ body: (UnsafeMutableBufferPointer<UnsafePointer<CChar>?>?) -> Result) -> Result {
    guard let texts else { return body(nil) }
    let memory = MemoryOwner()
    let pointers = memory.allocate(UnsafePointer<CChar>?.self, count: max(texts.count, 1))
    for (index, text) in texts.enumerated() { (pointers + index).initialize(to: memory.cString(text)) }
    return withExtendedLifetime(memory) { body(UnsafeMutableBufferPointer(start: pointers, count: texts.count)) }
}

extension ReadOptions {
    /// Returns the options as CArrow takes them, without words, names and known columns.
    func native(_ format: TableFormat, code: Int32, path: String, descriptor: Int32) -> CArrowReadOptions {
        var native = CArrowReadOptions()
        native.format = code
        native.compression = format.compression.code
        native.descriptor = descriptor
        native.delimiter = CChar(bitPattern: dialect.delimiter(of: path))
        native.quote = CChar(bitPattern: dialect.quote ?? 0)
        native.escape = CChar(bitPattern: dialect.escape ?? 0)
        native.encoding = dialect.encoding.code
        native.is_header_sure = dialect.header == .present
        native.decimal_point = CChar(bitPattern: dialect.decimal)
        native.has_header = dialect.hasHeader
        native.block_bytes = Int32(clamping: blockByteCount)
        native.row_bytes_limit = Int64(min(rowByteLimit, 1 << 30))
        native.batch_rows = Int64(max(batchRows, 1))
        native.most_columns = Int32(TableLimits.columns)
        native.deepest = Int32(TableLimits.nesting)
        native.unpacked_freely = Int64(TableLimits.unpackedFreelyOfText)
        native.most_blank = Int64(TableLimits.blankBytes)
        native.most_ratio = Int64(TableLimits.ratio)
        native.memory_limit = TableLimits.memory
        if let bounds = range.bounds {
            native.has_range = true
            native.range_begin = Int64(bounds.lowerBound)
            native.range_end = Int64(bounds.upperBound)
        }
        return native
    }
}
