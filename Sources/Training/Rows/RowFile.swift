import FileSystem
import Reasons
import SystemPackage
import Tensors

/// Writes packed rows to a file that is created or emptied.
final class RowWriter {
    private let layout: RowLayout
    private let file: OpenFile
    private var pending: [UInt8] = []
    private(set) var rowCount = 0

    init(_ name: String, in folder: any GivenFolder, layout: RowLayout) throws(TrainingError) {
        self.layout = layout
        file = try onDisk { () throws(FileSystemError) in
            OpenFile(try folder.create(name, .emptied), named: folder.path(of: name))
        }
        pending.reserveCapacity(1 << 20)
    }

    /// - Parameter sources: one tensor for each of the layout's fields, all with the same number of rows; row `row` of them is taken.
    func append(_ sources: [UnsafeRawBufferPointer], row: Int) throws(TrainingError) {
        for (field, source) in zip(layout.fields, sources) {
            let begin = row * field.byteCount
            pending.append(contentsOf: source[begin..<begin + field.byteCount])
        }
        rowCount += 1
        if pending.count >= 1 << 20 { try flush() }
    }

    func finish() throws(TrainingError) {
        try flush()
        try onDisk { () throws(FileSystemError) in try file.sync() }
    }

    private func flush() throws(TrainingError) {
        try onDisk { () throws(FileSystemError) in try file.write(pending) }
        pending.removeAll(keepingCapacity: true)
    }
}

/// Reads packed rows that were written whole. Memory is needed for the rows of a batch only.
package final class RowFile {
    package let rowCount: Int
    private let layout: RowLayout
    private let file: OpenFile
    private var scratch: [UInt8]

    init(_ name: String, in folder: any GivenFolder, layout: RowLayout, rowCount: Int) throws(TrainingError) {
        self.layout = layout
        self.rowCount = rowCount
        file = try onDisk { () throws(FileSystemError) in OpenFile(try folder.open(name), named: folder.path(of: name)) }
        scratch = [UInt8](repeating: 0, count: layout.byteCount)
        guard try onDisk({ () throws(FileSystemError) in try file.byteCount() }) == rowCount * layout.byteCount else {
            throw .cannotRead(path: folder.path(of: name).string, reason: "it does not hold the \(rowCount) rows that were written")
        }
    }

    /// Returns the rows of these numbers, in their order.
    package func batch(_ rows: some Collection<Int>) throws(TrainingError) -> RowBatch {
        let fields = layout.fields
        let buffers = fields.map { TensorBuffer(byteCount: $0.byteCount * rows.count) }
        for (place, row) in rows.enumerated() {
            precondition(row >= 0 && row < rowCount, "row \(row) of \(rowCount)")
            try onDisk { () throws(FileSystemError) in try file.read(into: &scratch, at: row * layout.byteCount) }
            scratch.withUnsafeBytes { bytes in
                for (field, buffer) in zip(fields, buffers) {
                    (buffer.address + place * field.byteCount).copyMemory(
                        from: bytes.baseAddress! + field.offset, byteCount: field.byteCount)
                }
            }
        }
        let tensors = zip(fields, buffers).map { field, buffer in
            Tensor(elementType: field.elementType, shape: Shape([rows.count] + field.rowShape), buffer: buffer)
        }
        return RowBatch(
            rowCount: rows.count, inputs: Array(tensors.prefix(layout.inputs.count)),
            target: layout.target == nil ? nil : tensors[layout.inputs.count], weights: tensors[tensors.count - 1])
    }
}
