internal import Names
internal import Reasons

/// Reads the entries of a ZIP archive, ZIP64 included (PKWARE's APPNOTE 6.3), as far as `.npz` files use the format.
struct ZipArchive {
    struct Entry: Hashable {
        let name: String
        let isDeflated: Bool
        let crc: UInt32
        let compressedSize: Int
        let size: Int
        /// The offset of the first compressed byte.
        let offset: Int
    }
    let entries: [Entry]

    init(_ descriptor: OwnedDescriptor, file: String) throws(ColumnarError) {
        func bad(_ reason: String) -> ColumnarError { .badFile(TableLocation(file: file), reason: Reason(reason)) }
        let fileSize = try descriptor.size(file: file)
        func read(_ position: Int, _ count: Int) throws(ColumnarError) -> LittleEndianBytes {
            guard position >= 0, count >= 0, position <= fileSize - count else { throw bad("the archive is cut off or damaged") }
            var bytes = [UInt8](repeating: 0, count: count)
            let done = try bytes.withUnsafeMutableBytes { target throws(ColumnarError) in
                try descriptor.read(into: target, at: position, file: file)
            }
            guard done == count else { throw bad("the archive is cut off") }
            return LittleEndianBytes(bytes)
        }

        guard fileSize > 0 else { throw bad("the file is empty") }
        guard fileSize >= 22 else { throw bad("not a ZIP archive: too short") }
        let tailCount = min(fileSize, 22 + 65_535)
        let tail = try read(fileSize - tailCount, tailCount)
        guard let at = (0...tailCount - 22).reversed().first(where: { tail.uint32($0) == 0x0605_4b50 }) else {
            throw bad("not a whole ZIP archive: its directory, at the end, is missing")
        }
        var count = tail.uint16(at + 10), size = tail.uint32(at + 12), start = tail.uint32(at + 16)
        if count == 0xffff || size == 0xffff_ffff || start == 0xffff_ffff {
            let locator = fileSize - tailCount + at - 20
            let found = try read(locator, 20)
            guard found.uint32(0) == 0x0706_4b50 else { throw bad("the archive's ZIP64 directory is missing") }
            let record = try read(found.uint64(8), 56)
            guard record.uint32(0) == 0x0606_4b50 else { throw bad("the archive's ZIP64 directory is damaged") }
            count = record.uint64(32)
            size = record.uint64(40)
            start = record.uint64(48)
        }
        guard count <= TableLimits.columns, size <= 64 << 20 else {
            throw .limit(
                TableLocation(file: file), .limitColumns,
                reason: "an archive of \(count) entries: a file has at most \(TableLimits.columns) arrays, and a directory of 64 MiB")
        }
        let directory = try read(start, size)
        var entries: [Entry] = []
        var names: NameSet = []
        var position = 0
        for _ in 0..<count {
            guard position + 46 <= size, directory.uint32(position) == 0x0201_4b50 else { throw bad("the archive's directory is damaged") }
            let flags = directory.uint16(position + 8), method = directory.uint16(position + 10)
            let nameCount = directory.uint16(position + 28), extraCount = directory.uint16(position + 30)
            let commentCount = directory.uint16(position + 32)
            let crc = UInt32(directory.uint32(position + 16))
            guard position + 46 + nameCount + extraCount + commentCount <= size else { throw bad("the archive's directory is damaged") }
            let name = String(decoding: directory.bytes[position + 46..<position + 46 + nameCount], as: UTF8.self)
            var compressed = directory.uint32(position + 20), plain = directory.uint32(position + 24),
                header = directory.uint32(position + 42)
            // Sizes that do not fit 32 bits are in the extra field, in this order and only those.
            var extra = position + 46 + nameCount
            let extraEnd = extra + extraCount
            while extra + 4 <= extraEnd {
                let kind = directory.uint16(extra), length = directory.uint16(extra + 2)
                var field = extra + 4
                guard field + length <= extraEnd else { throw bad("the archive's directory is damaged") }
                if kind == 1 {
                    for target in [\Sizes.plain, \Sizes.compressed, \Sizes.header] {
                        var sizes = Sizes(plain: plain, compressed: compressed, header: header)
                        guard sizes[keyPath: target] == 0xffff_ffff else { continue }
                        guard field + 8 <= extra + 4 + length else { throw bad("the archive's directory is damaged") }
                        sizes[keyPath: target] = directory.uint64(field)
                        field += 8
                        (plain, compressed, header) = (sizes.plain, sizes.compressed, sizes.header)
                    }
                }
                extra += 4 + length
            }
            position += 46 + nameCount + extraCount + commentCount
            if name.hasSuffix("/") { continue }
            guard flags & 1 == 0 else { throw .unsupported(file: file, reason: "the entry \"\(name)\" is encrypted") }
            guard method == 0 || method == 8 else {
                throw .unsupported(file: file, reason: "the entry \"\(name)\" is compressed by method \(method)")
            }
            let local = try read(header, 30)
            guard local.uint32(0) == 0x0403_4b50 else { throw bad("the entry \"\(name)\" is not where the directory says") }
            let (data, overflow) = header.addingReportingOverflow(30 + local.uint16(26) + local.uint16(28))
            guard !overflow, compressed <= fileSize, data <= fileSize - compressed else { throw bad("the entry \"\(name)\" is cut off") }
            try TableLimits.unpacked(plain, of: compressed, TableLocation(file: file, column: name))
            guard method == 8 || compressed == plain else { throw bad("the entry \"\(name)\" has two sizes") }
            guard names.insert(name).inserted else { throw bad("the entry \"\(name)\" is there twice") }
            entries.append(
                Entry(
                    name: name, isDeflated: method == 8, crc: crc, compressedSize: compressed, size: plain, offset: data))
        }
        self.entries = entries
    }

    private struct Sizes {
        var plain: Int
        var compressed: Int
        var header: Int
    }
}

/// Reads numbers in bytes, the least significant first; a 64-bit number beyond `Int` is read as the largest `Int`.
struct LittleEndianBytes {
    let bytes: [UInt8]

    init(_ bytes: [UInt8]) { self.bytes = bytes }

    func uint16(_ position: Int) -> Int { Int(bytes[position]) | Int(bytes[position + 1]) << 8 }
    func uint32(_ position: Int) -> Int { uint16(position) | uint16(position + 2) << 16 }
    func uint64(_ position: Int) -> Int {
        let high = uint32(position + 4)
        return high >= 1 << 31 ? Int.max : uint32(position) | high << 32
    }
}

extension [UInt8] {
    mutating func append(littleEndian value: some FixedWidthInteger) {
        Swift.withUnsafeBytes(of: value.littleEndian) { append(contentsOf: $0) }
    }
}
