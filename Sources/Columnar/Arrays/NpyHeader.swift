internal import Reasons
internal import Tensors

/// Describes the header of a `.npy` array (NumPy enhancement proposal 1, versions 1.0 to 3.0).
struct NpyHeader: Hashable {
    enum Elements: Hashable {
        case numbers(ElementType)
        /// Strings of four bytes a character, padded with zeros.
        case text(characters: Int)
        /// Strings of one byte a character, padded with zeros.
        case bytes(Int)
    }
    let elements: Elements
    let isBigEndian: Bool
    let isFortranOrder: Bool
    let shape: [Int]
    /// The byte count of magic, length and dictionary: the offset of the values.
    let byteCount: Int

    static let magic: [UInt8] = [0x93] + "NUMPY".utf8
    /// The number of bytes that hold any header that NumPy writes for a type that is read here.
    static let longest = 4096

    var elementByteCount: Int {
        switch elements {
        case .numbers(let type): (type.bitWidth ?? 8) / 8
        case .text(let characters): 4 * characters
        case .bytes(let count): count
        }
    }

    /// The number of elements of one step of the first axis; `nil` where their bytes overflow or the array is a scalar.
    var rowWidth: Int? {
        guard !shape.isEmpty, let count = Shape(Array(shape.dropFirst())).elementCount else { return nil }
        let (bytes, overflow) = count.multipliedReportingOverflow(by: max(elementByteCount, 1))
        let (_, tooLarge) = bytes.multipliedReportingOverflow(by: max(shape[0], 1))
        return overflow || tooLarge ? nil : count
    }

    /// Describes in a sentence what is wrong with a header.
    struct Flaw: Error {
        let text: String
        var isUnsupported = false
        /// The rule of the limit that it exceeds.
        var rule: Rule?
    }

    /// Reads the header from the first bytes of the array: all of them, or at least `longest`.
    init(_ bytes: UnsafeRawBufferPointer) throws(Flaw) {
        guard bytes.count >= 10, bytes.starts(with: Self.magic) else { throw Flaw(text: "not an .npy array: its first bytes are wrong") }
        let major = bytes[6]
        guard (1...3).contains(major) else { throw Flaw(text: "version \(major) of the .npy format", isUnsupported: true) }
        let prefix = major == 1 ? 10 : 12
        guard bytes.count >= prefix else { throw Flaw(text: "the .npy header is cut off") }
        let length =
            major == 1
            ? Int(bytes.loadUnaligned(fromByteOffset: 8, as: UInt16.self)) : Int(bytes.loadUnaligned(fromByteOffset: 8, as: UInt32.self))
        guard length <= bytes.count - prefix else {
            let isTooLong = length > Self.longest - prefix
            throw Flaw(
                text: isTooLong ? "an .npy header of \(length) bytes" : "the .npy header is cut off", rule: isTooLong ? .limitHeader : nil)
        }
        byteCount = prefix + length
        let text = String(decoding: bytes[prefix..<byteCount], as: UTF8.self)
        guard let description = Self.value(of: "descr", in: text), let order = Self.value(of: "fortran_order", in: text),
            let shapeText = Self.value(of: "shape", in: text), shapeText.first == "("
        else { throw Flaw(text: "the .npy header lacks descr, fortran_order or shape") }
        guard description.first == "'" || description.first == "\"" else {
            throw Flaw(text: "an array of records: save one array for each field", isUnsupported: true)
        }
        isFortranOrder = order.hasPrefix("True")
        let inside = shapeText.dropFirst().prefix { $0 != ")" }
        var shape: [Int] = []
        for part in inside.split(separator: ",") {
            let digits = part.filter { !$0.isWhitespace }
            if digits.isEmpty { continue }
            guard let extent = Int(digits), extent >= 0 else { throw Flaw(text: "the .npy header's shape (\(inside)) is none") }
            shape.append(extent)
        }
        self.shape = shape
        var code = description.dropFirst().prefix { $0 != "'" && $0 != "\"" }[...]
        var bigEndian = false
        if let first = code.first, "<>|=".contains(first) {
            bigEndian = first == ">"
            code = code.dropFirst()
        }
        isBigEndian = bigEndian
        guard let elements = Self.elements(String(code)) else {
            throw Flaw(
                text: code.hasPrefix("O")
                    ? "an array of Python objects, which only running code from the file could read: save numbers or strings"
                    : "the array's type \(code) is not one that a model takes", isUnsupported: true)
        }
        self.elements = elements
    }

    /// Returns the text after a key of the dictionary.
    private static func value(of key: String, in text: String) -> Substring? {
        for quote in ["'", "\""] {
            let quoted = quote + key + quote
            var rest = text[...]
            while let candidate = rest.firstIndex(of: quote.first!) {
                rest = rest[candidate...]
                if rest.hasPrefix(quoted) {
                    let after = rest.dropFirst(quoted.count).drop { $0 == " " }
                    if after.first == ":" { return after.dropFirst().drop { $0 == " " } }
                }
                rest = rest.dropFirst()
            }
        }
        return nil
    }

    private static func elements(_ code: String) -> Elements? {
        switch code {
        case "f2": return .numbers(.float16)
        case "f4": return .numbers(.float32)
        case "f8": return .numbers(.float64)
        case "i1": return .numbers(.int8)
        case "i2": return .numbers(.int16)
        case "i4": return .numbers(.int32)
        case "i8": return .numbers(.int64)
        case "u1": return .numbers(.uint8)
        case "u2": return .numbers(.uint16)
        case "u4": return .numbers(.uint32)
        case "u8": return .numbers(.uint64)
        case "b1", "?": return .numbers(.bool)
        default: break
        }
        guard let length = Int(code.dropFirst()), length >= 0, length <= 1 << 24 else { return nil }
        switch code.first {
        case "U": return .text(characters: length)
        case "S", "a": return .bytes(length)
        default: return nil
        }
    }

    /// Returns the NumPy type of a tensor's elements; `nil` for those that NumPy does not have.
    static func code(of type: ElementType) -> String? {
        switch type {
        case .bool: "|b1"
        case .int8: "|i1"
        case .uint8: "|u1"
        case .int16: "<i2"
        case .uint16: "<u2"
        case .int32: "<i4"
        case .uint32: "<u4"
        case .int64: "<i8"
        case .uint64: "<u8"
        case .float16: "<f2"
        case .float32: "<f4"
        case .float64: "<f8"
        case .complex64: "<c8"
        case .complex128: "<c16"
        default: nil
        }
    }

    /// Returns the bytes of a header. Their number does not depend on the number of rows, so that the header can be written last.
    static func bytes(code: String, rowCount: Int, rowShape: [Int]) -> [UInt8] {
        // There is room for the longest count, so that a header written first can be written again.
        bytes(code: code, shape: [rowCount] + rowShape, reserved: 20 - String(rowCount).count)
    }

    static func bytes(code: String, shape: [Int], reserved: Int = 0) -> [UInt8] {
        let tuple = "(" + shape.map(String.init).joined(separator: ", ") + (shape.count == 1 ? ",)" : ")")
        let text = "{'descr': '\(code)', 'fortran_order': False, 'shape': \(tuple), }"
        let unpadded = 10 + text.utf8.count + reserved + 1
        let total = (unpadded + 63) / 64 * 64
        let spaces = total - 10 - text.utf8.count - 1
        let length = UInt16(total - 10)
        var bytes = magic + [1, 0, UInt8(truncatingIfNeeded: length), UInt8(length >> 8)]
        bytes += text.utf8
        bytes += [UInt8](repeating: UInt8(ascii: " "), count: spaces)
        bytes.append(UInt8(ascii: "\n"))
        return bytes
    }
}
