/// Checks NPY files: the header gives item size and shape, and so the size of the whole file. Arrays of Python objects are pickled and
/// records are nested types: those show nothing.
enum NPYCheck {
    private static let magic: [UInt8] = [0x93] + Array("NUMPY".utf8)
    private static let longestHeader = 1 << 20

    static func check(_ file: inout SealedFile) -> FormatCheck.Result {
        guard file.has(magic, at: 0) else { return .incomplete("it does not begin with the NPY magic") }
        guard let major = file.byte(at: 6), (1...3).contains(major) else { return .incomplete("the NPY version is missing or unknown") }
        let start: Int64 = major == 1 ? 10 : 12
        let length = major == 1 ? file.integer(at: 8, as: UInt16.self).map(Int.init) : file.integer(at: 8, as: UInt32.self).map(Int.init)
        guard let length, length <= longestHeader, let bytes = file.bytes(at: start, count: length) else {
            return .incomplete("the NPY header is cut off")
        }
        let header = String(decoding: bytes, as: UTF8.self)
        guard let shape = shape(in: header) else { return .incomplete("the NPY header has no shape") }
        guard let itemSize = itemSize(in: header) else { return .undecided(endsWithNewline: nil) }
        var expected = Int64(itemSize)
        for count in shape {
            let (product, overflow) = expected.multipliedReportingOverflow(by: count)
            guard !overflow, count >= 0 else { return .incomplete("the NPY header's shape is not possible") }
            expected = product
        }
        let (total, overflow) = expected.addingReportingOverflow(start + Int64(length))
        guard !overflow, total == file.size else {
            return .incomplete("the NPY header promises \(total) bytes and the file has \(file.size)")
        }
        return .whole(companions: [])
    }

    private static func value(of key: String, in header: String) -> Substring? {
        for quote in ["'", "\""] {
            if let range = header.firstRange(of: quote + key + quote) {
                return header[range.upperBound...].drop { $0 == " " || $0 == ":" }
            }
        }
        return nil
    }

    private static func shape(in header: String) -> [Int64]? {
        guard let rest = value(of: "shape", in: header), rest.first == "(", let end = rest.firstIndex(of: ")") else { return nil }
        var shape: [Int64] = []
        for part in rest[rest.index(after: rest.startIndex)..<end].split(separator: ",") {
            let digits = part.filter { $0 != " " && $0 != "L" }
            if digits.isEmpty { continue }
            guard let count = Int64(digits) else { return nil }
            shape.append(count)
        }
        return shape
    }

    /// Returns the bytes of one item, from `'<f4'` and the like; nil for objects and records.
    private static func itemSize(in header: String) -> Int? {
        guard let rest = value(of: "descr", in: header), let quote = rest.first, quote == "'" || quote == "\"" else { return nil }
        var type = rest.dropFirst().prefix { $0 != quote }
        if let order = type.first, "<>|=".contains(order) { type = type.dropFirst() }
        // No item of an honest array comes near this size, and that of characters is multiplied.
        guard let kind = type.popFirst(), let count = Int(type.prefix { $0.isNumber }), count <= Int32.max else { return nil }
        return switch kind {
        case "b", "i", "u", "f", "c", "S", "a", "V", "m", "M", "?": count
        case "U": count * 4
        default: nil
        }
    }
}
