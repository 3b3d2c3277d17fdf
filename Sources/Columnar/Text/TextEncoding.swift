func appendDecimal(_ value: some FixedWidthInteger, to text: inout [UInt8]) {
    if value < 0 { text.append(UInt8(ascii: "-")) }
    var magnitude = value.magnitude
    let begin = text.count
    repeat {
        text.append(UInt8(ascii: "0") + UInt8(truncatingIfNeeded: magnitude % 10))
        magnitude /= 10
    } while magnitude > 0
    text[begin...].reverse()
}

/// Appends a CSV cell. It is quoted where the text is empty (null is not quoted) or holds a comma, a quote or a line end.
func appendCSVText(_ bytes: UnsafeRawBufferPointer, to text: inout [UInt8]) {
    let needsQuotes =
        bytes.isEmpty
        || bytes.contains { byte in
            byte == UInt8(ascii: ",") || byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "\n") || byte == UInt8(ascii: "\r")
        }
    guard needsQuotes else { return text.append(contentsOf: bytes) }
    text.append(UInt8(ascii: "\""))
    for byte in bytes {
        if byte == UInt8(ascii: "\"") { text.append(byte) }
        text.append(byte)
    }
    text.append(UInt8(ascii: "\""))
}

/// Appends a JSON string. `"`, `\` and control characters are escaped; everything else is written unchanged, in UTF-8.
func appendJSONString(_ bytes: UnsafeRawBufferPointer, to text: inout [UInt8]) {
    text.append(UInt8(ascii: "\""))
    for byte in bytes {
        switch byte {
        case UInt8(ascii: "\""): text.append(contentsOf: "\\\"".utf8)
        case UInt8(ascii: "\\"): text.append(contentsOf: "\\\\".utf8)
        case UInt8(ascii: "\n"): text.append(contentsOf: "\\n".utf8)
        case UInt8(ascii: "\r"): text.append(contentsOf: "\\r".utf8)
        case UInt8(ascii: "\t"): text.append(contentsOf: "\\t".utf8)
        case 0..<0x20:
            let digits = Array("0123456789abcdef".utf8)
            text.append(contentsOf: "\\u00".utf8)
            text.append(digits[Int(byte >> 4)])
            text.append(digits[Int(byte & 15)])
        default: text.append(byte)
        }
    }
    text.append(UInt8(ascii: "\""))
}

func appendJSONString(_ string: String, to text: inout [UInt8]) {
    var copy = string
    copy.withUTF8 { appendJSONString(UnsafeRawBufferPointer($0), to: &text) }
}

func appendBase64(_ bytes: UnsafeRawBufferPointer, to text: inout [UInt8]) {
    let alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)
    for begin in stride(from: 0, to: bytes.count, by: 3) {
        let count = min(3, bytes.count - begin)
        var group: UInt32 = 0
        for index in 0..<3 { group = group << 8 | (index < count ? UInt32(bytes[begin + index]) : 0) }
        for index in 0..<4 {
            text.append(index <= count ? alphabet[Int(group >> UInt32(18 - 6 * index)) & 63] : UInt8(ascii: "="))
        }
    }
}
