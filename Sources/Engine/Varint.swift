/// Writes the numbers of the wire format of ONNX models, for the few bytes that this module makes itself.
enum Varint {
    /// Returns a number that is not negative, seven bits in a byte, the lowest first.
    static func bytes(of value: Int) -> [UInt8] {
        var rest = value
        var bytes: [UInt8] = []
        while rest >= 0x80 {
            bytes.append(UInt8(rest & 0x7F | 0x80))
            rest >>= 7
        }
        return bytes + [UInt8(rest)]
    }
}
