internal import CArrow
internal import Glibc
internal import Reasons

/// Owns an `ArrowSchema` that C filled in.
final class SchemaOwner {
    let schema: UnsafeMutablePointer<ArrowSchema>

    init() {
        schema = .allocate(capacity: 1)
        schema.initialize(to: ArrowSchema())
    }

    deinit {
        if let release = schema.pointee.release { release(schema) }
        schema.deallocate()
    }
}

/// Owns an `ArrowArray` that C filled in.
final class ArrayOwner {
    let array: UnsafeMutablePointer<ArrowArray>

    init() {
        array = .allocate(capacity: 1)
        array.initialize(to: ArrowArray())
    }

    /// Moves an array out of its owner, as the interface allows for children.
    init(taking given: UnsafeMutablePointer<ArrowArray>) {
        array = .allocate(capacity: 1)
        array.initialize(to: given.pointee)
        given.pointee.release = nil
    }

    deinit {
        if let release = array.pointee.release { release(array) }
        array.deallocate()
    }
}

/// Owns the memory of a schema or an array made here, and frees it with itself.
final class MemoryOwner {
    private var blocks: [UnsafeMutableRawPointer] = []
    private var retained: [AnyObject] = []

    func allocate(byteCount: Int) -> UnsafeMutableRawPointer {
        let block = UnsafeMutableRawPointer.allocate(byteCount: max(byteCount, 8), alignment: 64)
        blocks.append(block)
        return block
    }

    func allocate<Element>(_ type: Element.Type, count: Int) -> UnsafeMutablePointer<Element> {
        allocate(byteCount: count * MemoryLayout<Element>.stride).bindMemory(to: type, capacity: count)
    }

    func cString(_ text: String) -> UnsafePointer<CChar> {
        let target = allocate(CChar.self, count: text.utf8.count + 1)
        text.withCString { _ = strcpy(target, $0) }
        return UnsafePointer(target)
    }

    func keep(_ object: AnyObject) { retained.append(object) }

    /// Returns pointers to the schemas of `fields`, as a parent has its children.
    func children(_ fields: [Field]) -> UnsafeMutablePointer<UnsafeMutablePointer<ArrowSchema>?> {
        let nodes = allocate(ArrowSchema.self, count: fields.count)
        let pointers = allocate(UnsafeMutablePointer<ArrowSchema>?.self, count: fields.count)
        for (index, field) in fields.enumerated() {
            keep(field.owner)
            (nodes + index).initialize(to: borrowed(field.schema))
            (pointers + index).initialize(to: nodes + index)
        }
        return pointers
    }

    deinit { for block in blocks { block.deallocate() } }
}

extension Field {
    /// Makes a field of a type without parameters or children from its Arrow format string.
    init(name: String, format: String, isNullable: Bool = true) {
        let memory = MemoryOwner()
        var schema = ArrowSchema()
        schema.format = memory.cString(format)
        schema.name = memory.cString(name)
        schema.flags = isNullable ? Int64(ARROW_FLAG_NULLABLE) : 0
        self.init(name: name, type: ColumnType(format: format), isNullable: isNullable, schema: schema, owner: memory)
    }

    /// Makes the field of a column of lists, none of which is null.
    init(name: String, format: String, listOf element: Field) {
        self.init(name: name, format: format, children: [element.renamed("item")], isNullable: false)
    }

    /// Makes the field of a column of lists or structs.
    init(name: String, format: String, children: [Field], isNullable: Bool = true) {
        let memory = MemoryOwner()
        var schema = ArrowSchema()
        schema.format = memory.cString(format)
        schema.name = memory.cString(name)
        schema.flags = isNullable ? Int64(ARROW_FLAG_NULLABLE) : 0
        schema.n_children = Int64(children.count)
        schema.children = memory.children(children)
        self.init(name: name, type: ColumnType(format: format), isNullable: isNullable, schema: schema, owner: memory)
    }

    /// Reads the field at `node`, whose memory `owner` keeps; returns `nil` where its name is not UTF-8.
    init?(_ node: ArrowSchema, owner: AnyObject) {
        guard let format = node.format else { return nil }
        guard let name = node.name.map({ String(validatingCString: $0) }) ?? "" else { return nil }
        var type = ColumnType(format: String(cString: format))
        if let values = node.dictionary?.pointee.format { type = .dictionary(of: ColumnType(format: String(cString: values))) }
        self.init(name: name, type: type, isNullable: node.flags & Int64(ARROW_FLAG_NULLABLE) != 0, schema: node, owner: owner)
    }

    func renamed(_ name: String) -> Field {
        let memory = MemoryOwner()
        memory.keep(owner)
        var copy = schema
        copy.name = memory.cString(name)
        return Field(name: name, type: type, isNullable: isNullable, schema: copy, owner: memory)
    }

    /// The children of a list or a struct, also of one that a dictionary has.
    var children: [Field] {
        if let values = schema.dictionary.flatMap({ Field($0.pointee, owner: owner) }) { return values.children }
        return (0..<Int(schema.n_children)).compactMap { child($0) }
    }

    /// Returns a child of a list or a struct.
    func child(_ index: Int) -> Field? {
        guard index < Int(schema.n_children), let node = schema.children[index] else { return nil }
        return Field(node.pointee, owner: owner)
    }
}

extension Column {
    /// Returns a child of a list or a struct, over all of its own rows.
    func child(_ index: Int) -> Column? {
        guard let field = field.child(index), index < Int(array.n_children), let node = array.children[index] else { return nil }
        return Column(field: field, array: node.pointee, owner: owner)
    }
}

/// Returns an `ArrowSchema` for C to take over: a struct of `fields`, or the one field itself.
func exportSchema(_ fields: [Field]) -> ArrowSchema {
    let memory = MemoryOwner()
    var parent = ArrowSchema()
    parent.format = memory.cString("+s")
    parent.name = memory.cString("")
    parent.n_children = Int64(fields.count)
    parent.children = memory.children(fields)
    return lent(parent, keeping: memory)
}

func exportSchema(_ field: Field) -> ArrowSchema {
    let memory = MemoryOwner()
    memory.keep(field.owner)
    return lent(field.schema, keeping: memory)
}

/// Returns an `ArrowArray` for C to take over: a struct of the batch's columns.
func exportArray(_ batch: RecordBatch) -> ArrowArray {
    let memory = MemoryOwner()
    let count = batch.columns.count
    let children = memory.allocate(ArrowArray.self, count: count)
    let pointers = memory.allocate(UnsafeMutablePointer<ArrowArray>?.self, count: count)
    for (index, column) in batch.columns.enumerated() {
        memory.keep(column.owner)
        var child = column.array
        child.private_data = nil
        child.release = { $0?.pointee.release = nil }
        (children + index).initialize(to: child)
        (pointers + index).initialize(to: children + index)
    }
    let buffers = memory.allocate(UnsafeRawPointer?.self, count: 1)
    buffers.initialize(to: nil)
    var parent = ArrowArray()
    parent.length = Int64(batch.rowCount)
    parent.n_buffers = 1
    parent.buffers = buffers
    parent.n_children = Int64(count)
    parent.children = pointers
    return lent(parent, keeping: memory)
}

func exportArray(_ column: Column) -> ArrowArray {
    let memory = MemoryOwner()
    memory.keep(column.owner)
    return lent(column.array, keeping: memory)
}

private func borrowed(_ schema: ArrowSchema) -> ArrowSchema {
    var copy = schema
    copy.private_data = nil
    copy.release = { $0?.pointee.release = nil }
    return copy
}

private func lent(_ schema: ArrowSchema, keeping memory: MemoryOwner) -> ArrowSchema {
    var copy = schema
    copy.private_data = Unmanaged.passRetained(memory).toOpaque()
    copy.release = { given in
        guard let given, let data = given.pointee.private_data else { return }
        given.pointee.release = nil
        given.pointee.private_data = nil
        Unmanaged<MemoryOwner>.fromOpaque(data).release()
    }
    return copy
}

private func lent(_ array: ArrowArray, keeping memory: MemoryOwner) -> ArrowArray {
    var copy = array
    copy.private_data = Unmanaged.passRetained(memory).toOpaque()
    copy.release = { given in
        guard let given, let data = given.pointee.private_data else { return }
        given.pointee.release = nil
        given.pointee.private_data = nil
        Unmanaged<MemoryOwner>.fromOpaque(data).release()
    }
    return copy
}

extension Column {
    /// Returns the values as another type, named by its Arrow format string; dictionaries are decoded.
    func cast(to format: String, file: String) throws(ColumnarError) -> Column {
        if field.format == format, field.schema.dictionary == nil { return self }
        var schema = exportSchema(field)
        var given = exportArray(self)
        let owner = ArrayOwner()
        var error = CArrowError()
        guard carrow_cast(&schema, &given, format, owner.array, &error) == 0 else {
            error.column = 0
            throw ColumnarError(error, file: file, columns: [field.name])
        }
        let target = Field(name: field.name, format: format, isNullable: field.isNullable)
        return Column(field: target, array: owner.array.pointee, owner: owner)
    }

    /// Returns the texts of a column of strings or decimals (or of a dictionary of them) as values of another type, by the rules of CSV
    /// cells. The error's row counts from 1 in the column.
    func parsed(as format: String, nullWords: [String]?, file: String) throws(ColumnarError) -> Column {
        var schema = exportSchema(field)
        var given = exportArray(self)
        let owner = ArrayOwner()
        var error = CArrowError()
        let status = withCStrings(nullWords) { words in
            carrow_parse(
                &schema, &given, format, words.map { UnsafePointer($0.baseAddress!) }, Int32(words?.count ?? 0), owner.array, &error)
        }
        guard status == 0 else {
            error.column = 0
            throw ColumnarError(error, file: file, columns: [field.name])
        }
        return Column(field: Field(name: field.name, format: format), array: owner.array.pointee, owner: owner)
    }

    /// Returns `parts`, which are of one type, as one column.
    static func concatenating(_ parts: [Column], file: String) throws(ColumnarError) -> Column {
        if parts.count == 1 { return parts[0] }
        var schema = exportSchema(parts[0].field)
        var arrays = parts.map { exportArray($0) }
        let owner = ArrayOwner()
        var error = CArrowError()
        guard carrow_concatenate(&schema, &arrays, Int32(arrays.count), owner.array, &error) == 0 else {
            error.column = 0
            throw ColumnarError(error, file: file, columns: [parts[0].field.name])
        }
        return Column(field: parts[0].field, array: owner.array.pointee, owner: owner)
    }
}

extension ColumnarError {
    /// Makes an error from one of CArrow. `columns` are the names that the error's column index refers to.
    init(_ error: CArrowError, file: String, columns: [String] = []) {
        let text = withUnsafeBytes(of: error.text) { bytes in String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self) }
        let cells = withUnsafeBytes(of: error.cells) { bytes in String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self) }
        switch Int(error.code) {
        case CARROW_SYSTEM: self = .system(file: file, operation: text, code: error.system_error)
        case CARROW_OUT_OF_MEMORY: self = .outOfMemory(file: file)
        case CARROW_UNSUPPORTED: self = .unsupported(file: file, reason: text)
        default:
            let column = Int(error.column)
            let location = TableLocation(
                file: file, row: error.row > 0 ? Int(error.row) : nil, column: columns.indices.contains(column) ? columns[column] : nil)
            if Int(error.code) == CARROW_LIMIT {
                self = .limit(location, TableLimits.rule(Int(error.flaw)), reason: text)
            } else if Int(error.code) == CARROW_BAD_VALUE {
                let type = withUnsafeBytes(of: error.type) { bytes in String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self) }
                self = .badValue(location, reason: textFlaw(error.flaw, cells, type: type))
            } else {
                self = .badFile(location, reason: cells.isEmpty ? Reason(text) : "\(text)\(cell: cells, shown: ": " + cells, hidden: "")")
            }
        }
    }
}

func errnoText(_ code: Int32) -> String { String(cString: strerror(code)) }
