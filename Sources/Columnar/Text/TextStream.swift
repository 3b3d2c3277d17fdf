internal import CArrow
internal import Reasons

/// Reads a text file line by line, unpacked and in UTF-8.
final class TextStream {
    private let handle: OpaquePointer
    private let file: String
    private let limit: Int
    private let source: OwnedDescriptor
    private var buffer: [UInt8] = []
    private var position = 0
    private var isAtEnd = false

    init(_ path: String, _ format: TableFormat, _ options: ReadOptions, _ source: OwnedDescriptor) throws(ColumnarError) {
        var native = options.native(format, code: format.code ?? 0, path: path, descriptor: source.number)
        var opened: OpaquePointer?
        var error = CArrowError()
        guard carrow_text_open(&native, &opened, &error) == 0, let opened else { throw ColumnarError(error, file: path) }
        handle = opened
        file = path
        limit = options.rowByteLimit
        self.source = source
    }

    deinit { carrow_text_close(handle) }

    /// Returns the next line without its end; nil at the end of the file.
    func nextLine() throws(ColumnarError) -> ArraySlice<UInt8>? {
        var searched = position
        while true {
            if let end = buffer[searched...].firstIndex(of: UInt8(ascii: "\n")) {
                defer { position = end + 1 }
                return buffer[position..<end]
            }
            if isAtEnd {
                guard position < buffer.count else { return nil }
                defer { position = buffer.count }
                return buffer[position...]
            }
            if buffer.count - position > limit {
                throw .limit(TableLocation(file: file), .limitRow, reason: "a line has more than \(limit >> 20) MiB")
            }
            buffer.removeFirst(position)
            position = 0
            searched = buffer.count
            try fill()
        }
    }

    private func fill() throws(ColumnarError) {
        let before = buffer.count, step = 1 << 18
        buffer += [UInt8](repeating: 0, count: step)
        var filled: Int64 = 0
        var error = CArrowError()
        let status = buffer.withUnsafeMutableBufferPointer {
            carrow_text_read(handle, $0.baseAddress! + before, Int64(step), &filled, &error)
        }
        guard status == 0 else { throw ColumnarError(error, file: file) }
        buffer.removeLast(step - Int(filled))
        isAtEnd = filled < step
    }
}
