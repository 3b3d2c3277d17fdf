/// Checks Zstandard (RFC 8878): frames are walked from block header to block header; the last must end where the file does. A file that was
/// cut exactly between two frames cannot be distinguished from a whole one.
enum ZstdCheck {
    private static let frameMagic: UInt32 = 0xFD2F_B528
    private static let skippableMagics: ClosedRange<UInt32> = 0x184D_2A50...0x184D_2A5F

    static func check(_ file: inout SealedFile) -> FormatCheck.Result {
        var offset: Int64 = 0
        while offset < file.size {
            guard let magic = file.integer(at: offset, as: UInt32.self) else { return .incomplete("it breaks off at the start of a frame") }
            if skippableMagics.contains(magic) {
                guard let length = file.integer(at: offset + 4, as: UInt32.self) else { return .incomplete("a skippable frame is cut off") }
                offset += 8 + Int64(length)
            } else if magic == frameMagic {
                guard let end = endOfFrame(&file, at: offset) else {
                    return .incomplete("the zstd frame at byte \(offset) is cut off or damaged")
                }
                offset = end
            } else {
                return .incomplete("there is no zstd frame at byte \(offset)")
            }
        }
        return offset == file.size ? .whole(companions: []) : .incomplete("the last zstd frame is cut off")
    }

    private static func endOfFrame(_ file: inout SealedFile, at start: Int64) -> Int64? {
        guard let descriptor = file.byte(at: start + 4) else { return nil }
        let isSingleSegment = descriptor & 0x20 != 0
        let hasChecksum = descriptor & 0x04 != 0
        let dictionaryLength: Int64 = [0, 1, 2, 4][Int(descriptor & 0x03)]
        let contentLength: Int64 = [isSingleSegment ? 1 : 0, 2, 4, 8][Int(descriptor >> 6)]
        var offset = start + 5 + (isSingleSegment ? 0 : 1) + dictionaryLength + contentLength
        while true {
            guard let low = file.integer(at: offset, as: UInt16.self), let high = file.byte(at: offset + 2) else { return nil }
            let header = UInt32(low) | UInt32(high) << 16
            let length: Int64
            switch (header >> 1) & 3 {
            case 0, 2: length = Int64(header >> 3)
            case 1: length = 1
            default: return nil
            }
            offset += 3 + length
            guard offset <= file.size else { return nil }
            if header & 1 == 1 { break }
        }
        if hasChecksum { offset += 4 }
        return offset <= file.size ? offset : nil
    }
}
