internal import CArrow

/// Makes the records of a ZIP archive of stored entries. Sizes are always in the ZIP64 fields, as NumPy writes them. The date is
/// 1980-01-01, so that the same arrays give the same bytes.
enum ZipRecord {
    static func localHeaderByteCount(_ name: [UInt8]) -> Int { 30 + name.count + 20 }

    static func localHeader(_ name: [UInt8], crc: UInt32, size: Int) -> [UInt8] {
        var bytes: [UInt8] = []
        bytes.append(littleEndian: UInt32(0x0403_4b50))
        appendCommon(crc, to: &bytes)
        bytes.append(littleEndian: UInt32.max)
        bytes.append(littleEndian: UInt32.max)
        bytes.append(littleEndian: UInt16(name.count))
        bytes.append(littleEndian: UInt16(20))
        bytes += name
        bytes.append(littleEndian: UInt16(1))
        bytes.append(littleEndian: UInt16(16))
        bytes.append(littleEndian: UInt64(size))
        bytes.append(littleEndian: UInt64(size))
        return bytes
    }

    static func directoryEntry(_ name: [UInt8], crc: UInt32, size: Int, offset: Int) -> [UInt8] {
        var bytes: [UInt8] = []
        bytes.append(littleEndian: UInt32(0x0201_4b50))
        bytes.append(littleEndian: UInt16(45))
        appendCommon(crc, to: &bytes)
        bytes.append(littleEndian: UInt32.max)
        bytes.append(littleEndian: UInt32.max)
        bytes.append(littleEndian: UInt16(name.count))
        bytes.append(littleEndian: UInt16(28))
        for _ in 0..<3 { bytes.append(littleEndian: UInt16(0)) }
        bytes.append(littleEndian: UInt32(0))
        bytes.append(littleEndian: UInt32.max)
        bytes += name
        bytes.append(littleEndian: UInt16(1))
        bytes.append(littleEndian: UInt16(24))
        bytes.append(littleEndian: UInt64(size))
        bytes.append(littleEndian: UInt64(size))
        bytes.append(littleEndian: UInt64(offset))
        return bytes
    }

    static func end(count: Int, directorySize: Int, directoryOffset: Int) -> [UInt8] {
        var bytes: [UInt8] = []
        bytes.append(littleEndian: UInt32(0x0606_4b50))
        bytes.append(littleEndian: UInt64(44))
        bytes.append(littleEndian: UInt16(45))
        bytes.append(littleEndian: UInt16(45))
        bytes.append(littleEndian: UInt32(0))
        bytes.append(littleEndian: UInt32(0))
        bytes.append(littleEndian: UInt64(count))
        bytes.append(littleEndian: UInt64(count))
        bytes.append(littleEndian: UInt64(directorySize))
        bytes.append(littleEndian: UInt64(directoryOffset))
        bytes.append(littleEndian: UInt32(0x0706_4b50))
        bytes.append(littleEndian: UInt32(0))
        bytes.append(littleEndian: UInt64(directoryOffset + directorySize))
        bytes.append(littleEndian: UInt32(1))
        bytes.append(littleEndian: UInt32(0x0605_4b50))
        bytes.append(littleEndian: UInt32(0))
        bytes.append(littleEndian: UInt16(clamping: count))
        bytes.append(littleEndian: UInt16(clamping: count))
        bytes.append(littleEndian: UInt32(clamping: directorySize))
        bytes.append(littleEndian: UInt32(clamping: directoryOffset))
        bytes.append(littleEndian: UInt16(0))
        return bytes
    }

    /// Appends the version needed, the flags (names are UTF-8), the method (stored), time, date and checksum.
    private static func appendCommon(_ crc: UInt32, to bytes: inout [UInt8]) {
        bytes.append(littleEndian: UInt16(45))
        bytes.append(littleEndian: UInt16(0x0800))
        bytes.append(littleEndian: UInt16(0))
        bytes.append(littleEndian: UInt16(0))
        bytes.append(littleEndian: UInt16(0x21))
        bytes.append(littleEndian: crc)
    }
}

func crc32(_ previous: UInt32, _ bytes: [UInt8]) -> UInt32 { bytes.withUnsafeBytes { crc32(previous, $0) } }

func crc32(_ previous: UInt32, _ bytes: UnsafeRawBufferPointer) -> UInt32 {
    carrow_crc32(previous, bytes.baseAddress?.assumingMemoryBound(to: UInt8.self), Int64(bytes.count))
}
