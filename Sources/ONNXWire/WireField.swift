/// Describes bytes that are read one at a time, from memory or from a file.
package protocol WireBytes: ~Copyable {
    /// Returns the byte at `position`; nil where it cannot be read.
    mutating func byte(at position: Int64) -> UInt8?
}

/// Describes one field of a message in the protobuf wire format, read without its content.
package struct WireField {
    package enum Content {
        case number(UInt64)
        /// Four or eight bytes.
        case fixed
        /// The places of the bytes of a message, a text or packed numbers.
        case bytes(Range<Int64>)
    }

    package enum Fault: Error {
        /// The message ends before the field that has a part here.
        case truncated(at: Int64)
        /// A number here has more than ten bytes.
        case longNumber(at: Int64)
        /// The field that begins here is a group, which ONNX does not have.
        case group(at: Int64)
        /// The field that begins here has a wire type that does not exist.
        case impossible(at: Int64)
    }

    package let number: UInt64
    package let content: Content
    /// The place after the field.
    package let end: Int64

    /// Reads the field at `start` of a message that ends at `end`. The bytes of its content are not read.
    @inlinable @inline(__always)
    package init(of bytes: inout some WireBytes & ~Copyable, at start: Int64, end: Int64) throws(Fault) {
        var position = start
        let tag = try Self.number(of: &bytes, at: &position, end: end)
        number = tag >> 3
        switch tag & 7 {
        case 0: content = .number(try Self.number(of: &bytes, at: &position, end: end))
        case 1, 5:
            let count: Int64 = tag & 7 == 1 ? 8 : 4
            guard count <= end - position else { throw .truncated(at: position) }
            position += count
            content = .fixed
        case 2:
            let count = try Self.number(of: &bytes, at: &position, end: end)
            guard count <= UInt64(end - position) else { throw .truncated(at: start) }
            let first = position
            position += Int64(count)
            content = .bytes(first..<position)
        case 3, 4: throw .group(at: start)
        default: throw .impossible(at: start)
        }
        self.end = position
    }

    /// Reads a number of at most ten bytes, and moves `position` behind it.
    @inlinable @inline(__always)
    package static func number(of bytes: inout some WireBytes & ~Copyable, at position: inout Int64, end: Int64) throws(Fault) -> UInt64 {
        let start = position
        var value: UInt64 = 0
        var shift: UInt64 = 0
        while position < end, let byte = bytes.byte(at: position) {
            position += 1
            value |= UInt64(byte & 0x7F) << shift
            if byte < 0x80 { return value }
            shift += 7
            if shift > 63 { throw .longNumber(at: start) }
        }
        throw .truncated(at: start)
    }
}
