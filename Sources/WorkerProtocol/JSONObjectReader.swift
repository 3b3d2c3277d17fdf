import Foundation
import Glibc

/// Reads one JSON object, field by field, in the order of the fields. It is the counterpart of `JSONObjectWriter`, and takes any JSON that
/// has values of the kinds that are asked for.
struct JSONObjectReader {
    /// Says where the text is not as it should be.
    struct Malformed: Error {
        let position: Int
    }

    private let bytes: UnsafeRawBufferPointer
    private var position: Int
    private var isFirst = true

    /// - Parameter bytes: the text, which must stay valid for as long as the reader is used.
    init(_ bytes: UnsafeRawBufferPointer, at position: Int = 0) throws(Malformed) {
        self.bytes = bytes
        self.position = position
        try take("{")
    }

    /// Returns the next key; nil at the end of the object. Its value is read next, or passed over.
    mutating func key() throws(Malformed) -> String? {
        if next() == UInt8(ascii: "}") {
            position += 1
            return nil
        }
        if !isFirst { try take(",") }
        isFirst = false
        let key = try string()
        try take(":")
        return key
    }

    mutating func string() throws(Malformed) -> String {
        try take("\"")
        let start = position
        while position < bytes.count, bytes[position] != UInt8(ascii: "\""), bytes[position] != UInt8(ascii: "\\") { position += 1 }
        guard position < bytes.count else { throw Malformed(position: start) }
        if bytes[position] == UInt8(ascii: "\"") {
            defer { position += 1 }
            return String(decoding: bytes[start..<position], as: UTF8.self)
        }
        return try escapedString(from: start)
    }

    private mutating func escapedString(from start: Int) throws(Malformed) -> String {
        var units: [UInt8] = Array(bytes[start..<position])
        while position < bytes.count {
            let byte = bytes[position]
            position += 1
            if byte == UInt8(ascii: "\"") { return String(decoding: units, as: UTF8.self) }
            guard byte == UInt8(ascii: "\\"), position < bytes.count else {
                units.append(byte)
                continue
            }
            let escaped = bytes[position]
            position += 1
            switch escaped {
            case UInt8(ascii: "n"): units.append(0x0a)
            case UInt8(ascii: "t"): units.append(0x09)
            case UInt8(ascii: "r"): units.append(0x0d)
            case UInt8(ascii: "b"): units.append(0x08)
            case UInt8(ascii: "f"): units.append(0x0c)
            case UInt8(ascii: "u"):
                var code = try hexadecimal()
                if 0xd800..<0xdc00 ~= code, position + 1 < bytes.count, bytes[position] == UInt8(ascii: "\\"),
                    bytes[position + 1] == UInt8(ascii: "u")
                {
                    position += 2
                    let low = try hexadecimal()
                    guard 0xdc00..<0xe000 ~= low else { throw Malformed(position: position) }
                    code = 0x10000 + (code - 0xd800) << 10 + (low - 0xdc00)
                }
                guard let scalar = Unicode.Scalar(code) else { throw Malformed(position: position) }
                units += String(scalar).utf8
            case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): units.append(escaped)
            default: throw Malformed(position: position)
            }
        }
        throw Malformed(position: start)
    }

    private mutating func hexadecimal() throws(Malformed) -> UInt32 {
        // `UInt32` would take a sign.
        guard position + 4 <= bytes.count, bytes[position] != UInt8(ascii: "+"),
            let code = UInt32(String(decoding: bytes[position..<position + 4], as: UTF8.self), radix: 16)
        else { throw Malformed(position: position) }
        position += 4
        return code
    }

    mutating func integer<Integer: FixedWidthInteger>(_ type: Integer.Type = Integer.self) throws(Malformed) -> Integer {
        guard let number = Integer(try token()) else { throw Malformed(position: position) }
        return number
    }

    mutating func number() throws(Malformed) -> Double {
        if next() == UInt8(ascii: "\"") {
            switch try string() {
            case "nan": return .nan
            case "inf": return .infinity
            case "-inf": return -.infinity
            default: throw Malformed(position: position)
            }
        }
        guard let number = Double(try token()) else { throw Malformed(position: position) }
        return number
    }

    mutating func strings() throws(Malformed) -> [String] {
        var values: [String] = []
        try take("[")
        while next() != UInt8(ascii: "]") {
            if !values.isEmpty { try take(",") }
            values.append(try string())
        }
        position += 1
        return values
    }

    mutating func texts() throws(Malformed) -> [String: String] { try pairs { (reader) throws(Malformed) in try reader.string() } }
    mutating func numbers() throws(Malformed) -> [String: Double] { try pairs { (reader) throws(Malformed) in try reader.number() } }

    mutating func lists() throws(Malformed) -> [String: [String]] { try pairs { (reader) throws(Malformed) in try reader.strings() } }

    /// Reads an array of objects, each with a reader of its own.
    mutating func objects<Item>(_ item: (inout JSONObjectReader) throws(Malformed) -> Item) throws(Malformed) -> [Item] {
        var items: [Item] = []
        try take("[")
        while next() != UInt8(ascii: "]") {
            if !items.isEmpty { try take(",") }
            var inner = try JSONObjectReader(bytes, at: position)
            items.append(try item(&inner))
            position = inner.position
        }
        position += 1
        return items
    }

    private mutating func pairs<Value>(
        _ value: (inout JSONObjectReader) throws(Malformed) -> Value
    ) throws(Malformed) -> [String: Value] {
        var inner = try JSONObjectReader(bytes, at: position)
        var pairs: [String: Value] = [:]
        while let key = try inner.key() { pairs[key] = try value(&inner) }
        position = inner.position
        return pairs
    }

    /// Passes over a value of any kind.
    mutating func anything() throws(Malformed) {
        _ = next()
        let start = position
        var depth = 0
        repeat {
            guard position < bytes.count else { throw Malformed(position: start) }
            switch bytes[position] {
            case UInt8(ascii: "{"), UInt8(ascii: "["):
                depth += 1
                position += 1
            case UInt8(ascii: "}"), UInt8(ascii: "]"):
                depth -= 1
                position += 1
            case UInt8(ascii: "\""): _ = try string()
            case UInt8(ascii: ","), UInt8(ascii: ":"), ...0x20:
                guard depth > 0 else { throw Malformed(position: position) }
                position += 1
            default: _ = try token()
            }
        } while depth > 0
    }

    private mutating func token() throws(Malformed) -> String {
        _ = next()
        let start = position
        while position < bytes.count, !Self.ends(bytes[position]) { position += 1 }
        guard position > start else { throw Malformed(position: position) }
        return String(decoding: bytes[start..<position], as: UTF8.self)
    }

    private static func ends(_ byte: UInt8) -> Bool {
        byte == UInt8(ascii: ",") || byte == UInt8(ascii: "}") || byte == UInt8(ascii: "]") || byte <= 0x20
    }

    /// Passes over white space. Returns the next byte, which is not taken; 0 at the end.
    private mutating func next() -> UInt8 {
        while position < bytes.count, bytes[position] <= 0x20 { position += 1 }
        return position < bytes.count ? bytes[position] : 0
    }

    private mutating func take(_ byte: Unicode.Scalar) throws(Malformed) {
        guard next() == UInt8(ascii: byte) else { throw Malformed(position: position) }
        position += 1
    }
}
