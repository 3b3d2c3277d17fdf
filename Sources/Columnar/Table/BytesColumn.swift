internal import CArrow

/// Gives the bytes of each row of a column of strings or binary values; views are cast, dictionaries decoded.
struct BytesColumn {
    let column: Column
    private let bytes: UnsafeRawPointer
    private enum Layout {
        case offsets(UnsafePointer<Int32>)
        case largeOffsets(UnsafePointer<Int64>)
        case fixed(Int)
    }
    private let layout: Layout

    init(_ given: Column, file: String) throws(ColumnarError) {
        var plain = given
        switch given.field.valueFormat {
        case "u", "U", "z", "Z": if given.field.schema.dictionary != nil { plain = try given.cast(to: given.field.valueFormat, file: file) }
        case "vz": plain = try given.cast(to: "z", file: file)
        case let format where format.hasPrefix("w:"): break
        default: plain = try given.cast(to: "u", file: file)
        }
        column = plain
        let format = plain.field.format
        if format.hasPrefix("w:"), let width = Int(format.dropFirst(2)) {
            layout = .fixed(width)
            bytes = (plain.array.buffers[1] ?? emptyMemory) + Int(plain.array.offset) * width
        } else {
            layout =
                format == "U" || format == "Z"
                ? .largeOffsets(plain.values(as: Int64.self)) : .offsets(plain.values(as: Int32.self))
            bytes = plain.array.buffers[2] ?? emptyMemory
        }
    }

    /// Returns the bytes of a row, which are valid as long as the column.
    func bytes(_ row: Int) -> UnsafeRawBufferPointer {
        let (begin, end) =
            switch layout {
            case .offsets(let offsets): (Int(offsets[row]), Int(offsets[row + 1]))
            case .largeOffsets(let offsets): (Int(offsets[row]), Int(offsets[row + 1]))
            case .fixed(let width): (row * width, (row + 1) * width)
            }
        return UnsafeRawBufferPointer(start: bytes + begin, count: end - begin)
    }

    subscript(row: Int) -> String {
        withExtendedLifetime(column.owner) { String(decoding: bytes(row), as: UTF8.self) }
    }
}
