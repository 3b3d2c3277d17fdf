import Machine
internal import Reasons
internal import Tensors

/// Reads one array of a `.npy` or `.npz` file, row by row.
final class ArrayRows {
    let name: String
    let header: NpyHeader
    let rowCount: Int
    /// The number of rows in the file. Reading may begin at any of them.
    private let storedRows: Int
    /// The number of elements of a row.
    let width: Int
    private let bytes: EntryBytes
    private let file: String
    private var rowsRead = 0

    /// - Parameters:
    ///   - allowsScalar: takes a single value for one row of it.
    ///   - rows: the rows that are read; `nil` reads all.
    init(name: String, _ bytes: EntryBytes, file: String, allowsScalar: Bool = false, rows: Range<Int>? = nil) throws(ColumnarError) {
        self.name = name
        self.bytes = bytes
        self.file = file
        let location = TableLocation(file: file, column: name.isEmpty ? nil : name)
        if bytes.size == 0 { throw .badFile(location, reason: "the file is empty") }
        var head: [UInt8] = []
        // Magic and length are read first, so that no byte of the values is read before it is wanted.
        func more(_ count: Int) throws(ColumnarError) {
            guard head.count + count <= bytes.size else { throw .badFile(location, reason: "the .npy header is cut off") }
            var part = [UInt8](repeating: 0, count: count)
            try part.withUnsafeMutableBytes { target throws(ColumnarError) in try bytes.next(into: target) }
            head += part
        }
        try more(min(12, bytes.size))
        if head.count == 12 {
            let length = head[6] == 1 ? 10 + Int(head[8]) + Int(head[9]) << 8 : 12 + LittleEndianBytes(head).uint32(8)
            if head.starts(with: NpyHeader.magic), length > 12, length <= NpyHeader.longest { try more(length - 12) }
        }
        do throws(NpyHeader.Flaw) {
            header = try head.withUnsafeBytesTyped { all throws(NpyHeader.Flaw) in try NpyHeader(all) }
        } catch {
            if let rule = error.rule { throw .limit(location, rule, reason: error.text) }
            if error.isUnsupported { throw .unsupported(file: location.description, reason: error.text) }
            throw .badFile(location, reason: Reason(error.text))
        }
        guard let width = allowsScalar && header.shape.isEmpty ? 1 : header.rowWidth else {
            throw .mismatch(
                location,
                reason: header.shape.isEmpty
                    ? "the array is a single value: its first axis must be the rows" : "the array's shape is too large")
        }
        let rowBytes = width * header.elementByteCount
        if rowBytes == 0, let rows = header.shape.first, rows > 0 {
            throw .limit(
                location, .limitRow,
                reason:
                    "the array has \(rows) rows without a byte in them: its shape is \(header.shape), and each element has "
                    + "\(header.elementByteCount) bytes"
            )
        }
        guard rowBytes <= TableLimits.rowBytes || allowsScalar else {
            throw .limit(location, .limitRow, reason: "rows of \(rowBytes) bytes: a row of an array has at most \(TableLimits.rowBytes)")
        }
        self.width = width
        storedRows = header.shape.first ?? 1
        let (needed, overflow) = (storedRows * width * header.elementByteCount).addingReportingOverflow(header.byteCount)
        guard !overflow, needed <= bytes.size else {
            let promised = overflow ? "more than \(Int.max)" : "\(needed)"
            throw .badFile(location, reason: "the array is cut off: \(bytes.size) of \(promised) bytes are there")
        }
        if header.isFortranOrder, header.shape.count > 1, !bytes.allowsAnyOrder {
            throw .unsupported(
                file: location.description,
                reason: "a compressed array in Fortran order: save numpy.ascontiguousarray(array), or use numpy.savez")
        }
        let rows = rows?.clamped(to: 0..<storedRows) ?? 0..<storedRows
        rowCount = rows.count
        if rows.lowerBound > 0 {
            rowsRead = rows.lowerBound
            bytes.skip(rows.lowerBound * rowBytes)
        }
    }

    /// Returns the next rows as one column of their elements, row-major.
    func next(_ rows: Int) throws(ColumnarError) -> Column {
        let count = rows * width
        let size = header.elementByteCount
        let buffer: TensorBuffer
        do throws(OutOfMemory) { buffer = try TensorBuffer(requested: max(count * size, 1)) } catch { throw .outOfMemory(file: file) }
        let target = UnsafeMutableRawBufferPointer(start: buffer.address, count: count * size)
        if header.isFortranOrder, header.shape.count > 1 {
            try gatherFortran(rows, into: target)
        } else {
            try bytes.next(into: target)
        }
        rowsRead += rows
        switch header.elements {
        case .numbers(let type):
            if header.isBigEndian { swapBytes(target, size) }
            let format = type == .bool ? "C" : ColumnType.format(of: type) ?? "C"
            return Column(name: name, format: format, count: count, adopting: buffer)
        case .text(let characters):
            var strings: [String] = []
            strings.reserveCapacity(count)
            for index in 0..<count { strings.append(try text(target, index, characters)) }
            return Column(name: name, strings: strings)
        case .bytes(let length):
            var strings: [String] = []
            strings.reserveCapacity(count)
            for index in 0..<count {
                var cell = target[index * length..<(index + 1) * length]
                while cell.last == 0 { cell.removeLast() }
                guard let string = String(validating: cell, as: UTF8.self) else {
                    throw .badFile(
                        TableLocation(file: file, row: rowsRead - rows + index / max(width, 1) + 1, column: name),
                        reason: "the bytes are not UTF-8 text")
                }
                strings.append(string)
            }
            return Column(name: name, strings: strings)
        }
    }

    private func text(_ bytes: UnsafeMutableRawBufferPointer, _ index: Int, _ characters: Int) throws(ColumnarError) -> String {
        var scalars = String.UnicodeScalarView()
        var zeros = 0
        for position in 0..<characters {
            var code = bytes.loadUnaligned(fromByteOffset: 4 * (index * characters + position), as: UInt32.self)
            if header.isBigEndian { code = code.byteSwapped }
            if code == 0 { zeros += 1; continue }
            while zeros > 0 { scalars.append("\0"); zeros -= 1 }
            guard let scalar = Unicode.Scalar(code) else {
                throw .badFile(
                    TableLocation(file: file, row: rowsRead + index / max(width, 1) + 1, column: name),
                    reason: "\(cell: "\(code)", shown: "\(code)") is no character")
            }
            scalars.append(scalar)
        }
        return String(scalars)
    }

    /// Gathers rows in Fortran order, where the first axis varies fastest, so that each element of a row is in a run of its own.
    private func gatherFortran(_ rows: Int, into target: UnsafeMutableRawBufferPointer) throws(ColumnarError) {
        let size = header.elementByteCount
        let axes = Array(header.shape.dropFirst())
        var run = [UInt8](repeating: 0, count: rows * size)
        var index = [Int](repeating: 0, count: axes.count)
        for slot in 0..<width {
            var place = 0, stride = 1
            for axis in axes.indices {
                place += index[axis] * stride
                stride *= axes[axis]
            }
            let at = header.byteCount + (place * storedRows + rowsRead) * size
            try run.withUnsafeMutableBytes { part throws(ColumnarError) in try bytes.read(into: part, at: at) }
            for row in 0..<rows {
                for byte in 0..<size { target[(row * width + slot) * size + byte] = run[row * size + byte] }
            }
            for axis in axes.indices.reversed() {
                index[axis] += 1
                if index[axis] < axes[axis] { break }
                index[axis] = 0
            }
        }
    }

    private func swapBytes(_ bytes: UnsafeMutableRawBufferPointer, _ size: Int) {
        guard size > 1 else { return }
        for begin in stride(from: 0, to: bytes.count, by: size) { bytes[begin..<begin + size].reverse() }
    }
}

extension [UInt8] {
    /// Calls `withUnsafeBytes` and throws what its body throws, with its type.
    func withUnsafeBytesTyped<Result, Failure: Error>(
        _ body: (UnsafeRawBufferPointer) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        try withUnsafeBufferPointer { all throws(Failure) in try body(UnsafeRawBufferPointer(all)) }
    }
    mutating func withUnsafeMutableBytes<Result, Failure: Error>(
        _ body: (UnsafeMutableRawBufferPointer) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        try withUnsafeMutableBufferPointer { all throws(Failure) in try body(UnsafeMutableRawBufferPointer(all)) }
    }
}
