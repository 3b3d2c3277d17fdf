/// Checks ZIP, and so NPZ: the end record, the central directory before it, and every member's data before that.
enum ZIPCheck {
    private static let endSignature: UInt32 = 0x0605_4B50
    private static let end64Signature: UInt32 = 0x0606_4B50
    private static let locatorSignature: UInt32 = 0x0706_4B50
    private static let entrySignature: UInt32 = 0x0201_4B50
    private static let memberSignature: UInt32 = 0x0403_4B50

    static func check(_ file: inout SealedFile) -> FormatCheck.Result {
        guard let first = file.integer(at: 0, as: UInt32.self), first == memberSignature || first == endSignature else {
            return .incomplete("it does not begin like a ZIP file")
        }
        guard let end = findEnd(&file) else { return .incomplete("the ZIP end record is missing") }
        guard var entries = file.integer(at: end + 10, as: UInt16.self).map(UInt64.init),
            var length = file.integer(at: end + 12, as: UInt32.self).map(UInt64.init),
            var start = file.integer(at: end + 16, as: UInt32.self).map(UInt64.init)
        else { return .incomplete("the ZIP end record is cut off") }
        if entries == 0xFFFF || length == 0xFFFF_FFFF || start == 0xFFFF_FFFF {
            guard file.integer(at: end - 20, as: UInt32.self) == locatorSignature,
                let record = file.integer(at: end - 12, as: UInt64.self).flatMap(Int64.init(exactly:)),
                file.integer(at: record, as: UInt32.self) == end64Signature,
                let wideEntries = file.integer(at: record + 32, as: UInt64.self),
                let wideLength = file.integer(at: record + 40, as: UInt64.self),
                let wideStart = file.integer(at: record + 48, as: UInt64.self)
            else { return .incomplete("the ZIP64 end record is missing or cut off") }
            (entries, length, start) = (wideEntries, wideLength, wideStart)
        }
        guard let start = Int64(exactly: start), let length = Int64(exactly: length), start <= end, length <= end - start else {
            return .incomplete("the ZIP directory does not fit the file")
        }
        return walk(&file, from: start, to: start + length, entries: entries)
    }

    /// Returns the place of the end record, which is the last, before a comment of at most 65,535 bytes; nil where there is none.
    private static func findEnd(_ file: inout SealedFile) -> Int64? {
        var offset = file.size - 22
        let lowest = max(0, offset - 65_535)
        guard offset >= 0 else { return nil }
        if isEnd(&file, at: offset) { return offset }
        // The search goes backwards in pieces, so that a file without an end costs one pass over its last 64 KiB.
        while offset > lowest {
            let from = max(lowest, offset - 4096)
            guard let piece = file.bytes(at: from, count: Int(offset - from)) else { return nil }
            for index in piece.indices.reversed() where piece[index] == 0x50 && isEnd(&file, at: from + Int64(index)) {
                return from + Int64(index)
            }
            offset = from
        }
        return nil
    }

    private static func isEnd(_ file: inout SealedFile, at offset: Int64) -> Bool {
        guard file.integer(at: offset, as: UInt32.self) == endSignature, let comment = file.integer(at: offset + 20, as: UInt16.self) else {
            return false
        }
        return offset + 22 + Int64(comment) == file.size
    }

    private static func walk(_ file: inout SealedFile, from start: Int64, to end: Int64, entries: UInt64) -> FormatCheck.Result {
        var offset = start
        var seen: UInt64 = 0
        while offset < end {
            guard file.integer(at: offset, as: UInt32.self) == entrySignature,
                let compressed = file.integer(at: offset + 20, as: UInt32.self),
                let name = file.integer(at: offset + 28, as: UInt16.self), let extra = file.integer(at: offset + 30, as: UInt16.self),
                let comment = file.integer(at: offset + 32, as: UInt16.self), let member = file.integer(at: offset + 42, as: UInt32.self)
            else { return .incomplete("the ZIP directory is damaged at byte \(offset)") }
            // 0xFFFFFFFF stands for a size or place given in the ZIP64 extra field, which the end record's own numbers bound well enough.
            if member != 0xFFFF_FFFF, compressed != 0xFFFF_FFFF, Int64(member) + 30 + Int64(compressed) > start {
                return .incomplete("a member of the ZIP file reaches past its directory")
            }
            offset += 46 + Int64(name) + Int64(extra) + Int64(comment)
            seen += 1
        }
        guard offset == end, seen == entries else { return .incomplete("the ZIP directory has \(seen) entries and promises \(entries)") }
        return .whole(companions: [])
    }
}
