/// Checks gzip files. Only unpacking shows that a member ends where the file does, and the worker does that. This checks that there is a
/// gzip head, a trailer whose length could have been packed into so few bytes (deflate packs at most 1032 to 1), and, for block gzip, its
/// end-of-file block.
enum GzipCheck {
    /// The empty block that ends a BGZF file (SAM specification, 4.1.2).
    private static let endBlock: [UInt8] = [
        0x1F, 0x8B, 0x08, 0x04, 0, 0, 0, 0, 0, 0xFF, 0x06, 0, 0x42, 0x43, 0x02, 0, 0x1B, 0, 0x03, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    ]

    static func check(_ file: inout SealedFile) -> FormatCheck.Result {
        guard file.has([0x1F, 0x8B, 0x08], at: 0) else { return .incomplete("it does not begin like a gzip file") }
        guard file.size >= 20, let length = file.integer(at: file.size - 4, as: UInt32.self) else {
            return .incomplete("it is too short for a gzip file")
        }
        if file.has(endBlock, at: file.size - Int64(endBlock.count)) { return .whole(companions: []) }
        guard Int64(length) <= 1032 * file.size else { return .incomplete("its last bytes are not a gzip trailer") }
        return .undecided(endsWithNewline: nil)
    }
}
