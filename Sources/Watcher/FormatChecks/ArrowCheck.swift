/// Checks Arrow IPC. A file has `ARROW1` at both ends and a footer that fits. A stream is walked from message to message; only its
/// end-of-stream mark, which writers may leave out, shows that it is complete.
enum ArrowCheck {
    private static let magic = Array("ARROW1".utf8)
    private static let continuation: UInt32 = 0xFFFF_FFFF

    static func check(_ file: inout SealedFile) -> FormatCheck.Result {
        if file.has(magic, at: 0) { return checkFile(&file) }
        if file.integer(at: 0, as: UInt32.self) == continuation { return checkStream(&file) }
        return .incomplete("it begins neither with ARROW1 nor with an Arrow stream's first message")
    }

    private static func checkFile(_ file: inout SealedFile) -> FormatCheck.Result {
        guard file.size >= 22, file.has(magic, at: file.size - 6) else {
            return .incomplete("it does not end with ARROW1: the Arrow footer is missing")
        }
        guard let footer = file.integer(at: file.size - 10, as: Int32.self), footer > 0, Int64(footer) + 18 <= file.size else {
            return .incomplete("the Arrow footer's length does not fit the file")
        }
        return .whole(companions: [])
    }

    private static func checkStream(_ file: inout SealedFile) -> FormatCheck.Result {
        var offset: Int64 = 0
        while offset < file.size {
            guard file.integer(at: offset, as: UInt32.self) == continuation, let length = file.integer(at: offset + 4, as: Int32.self)
            else {
                return .incomplete("the Arrow stream breaks off in a message's head at byte \(offset)")
            }
            if length == 0 {
                return offset + 8 == file.size
                    ? .whole(companions: []) : .incomplete("the Arrow stream goes on after its end mark at byte \(offset)")
            }
            guard length > 0, Int64(length) <= file.size - offset - 8,
                let body = bodyLength(&file, metadata: offset + 8, length: Int64(length)),
                body >= 0, body <= file.size - offset - 8 - Int64(length)
            else { return .incomplete("the Arrow stream breaks off in the message at byte \(offset)") }
            offset += 8 + Int64(length) + body
        }
        return .undecided(endsWithNewline: nil)
    }

    /// Returns `Message.bodyLength`, the fourth field of the flatbuffer table at the root (Arrow format, Message.fbs); nil where it does
    /// not fit.
    private static func bodyLength(_ file: inout SealedFile, metadata: Int64, length: Int64) -> Int64? {
        guard let root = file.integer(at: metadata, as: UInt32.self), Int64(root) + 4 <= length else { return nil }
        let table = metadata + Int64(root)
        guard let toVtable = file.integer(at: table, as: Int32.self) else { return nil }
        let vtable = table - Int64(toVtable)
        guard vtable >= metadata, vtable + 4 <= metadata + length, let vtableLength = file.integer(at: vtable, as: UInt16.self) else {
            return nil
        }
        guard vtableLength >= 12 else { return 0 }
        guard let field = file.integer(at: vtable + 10, as: UInt16.self) else { return nil }
        guard field != 0 else { return 0 }
        guard table + Int64(field) + 8 <= metadata + length else { return nil }
        return file.integer(at: table + Int64(field), as: Int64.self)
    }
}
