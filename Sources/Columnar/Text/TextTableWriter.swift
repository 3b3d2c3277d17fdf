/// Writes CSV and JSON Lines, by the rules that `TableWriter` states.
final class TextTableWriter {
    private let descriptor: OwnedDescriptor
    private let file: String
    private let isJSON: Bool
    private let keys: [[UInt8]]
    private var pending: [UInt8] = []
    private var byteCount = 0

    init(_ descriptor: OwnedDescriptor, file: String, format: TableFormat, schema: TableSchema) throws(ColumnarError) {
        self.descriptor = descriptor
        self.file = file
        isJSON = format.kind == .jsonLines
        var keys: [[UInt8]] = []
        for (index, name) in schema.names.enumerated() {
            var key: [UInt8] = []
            if isJSON {
                key.append(contentsOf: [UInt8(ascii: index == 0 ? "{" : ",")])
                appendJSONString(name, to: &key)
                key.append(UInt8(ascii: ":"))
            } else {
                if index > 0 { key.append(UInt8(ascii: ",")) }
                Array(name.utf8).withUnsafeBytes { appendCSVText($0, to: &key) }
                pending.append(contentsOf: key)
            }
            keys.append(key)
        }
        self.keys = keys
        if !isJSON { pending.append(UInt8(ascii: "\n")) }
    }

    func write(_ batch: RecordBatch) throws(ColumnarError) {
        var cells: [CellText] = []
        for column in batch.columns { cells.append(try CellText(column, isJSON: isJSON, file: file)) }
        // A line of one empty cell would be a blank line, which readers skip.
        let lone = !isJSON && cells.count == 1
        for row in 0..<batch.rowCount {
            for (index, cell) in cells.enumerated() {
                if isJSON {
                    pending.append(contentsOf: keys[index])
                } else if index > 0 {
                    pending.append(UInt8(ascii: ","))
                }
                let before = pending.count
                cell.append(row, to: &pending)
                if lone, pending.count == before { pending.append(contentsOf: "\"\"".utf8) }
            }
            if isJSON { pending.append(UInt8(ascii: "}")) }
            pending.append(UInt8(ascii: "\n"))
            if pending.count >= 1 << 18 { try flush() }
        }
    }

    func finish() throws(ColumnarError) -> Int {
        try flush()
        return byteCount
    }

    private func flush() throws(ColumnarError) {
        try pending.withUnsafeBufferPointer { bytes throws(ColumnarError) in
            try descriptor.write(UnsafeRawBufferPointer(bytes), file: file)
        }
        byteCount += pending.count
        pending.removeAll(keepingCapacity: true)
    }
}
