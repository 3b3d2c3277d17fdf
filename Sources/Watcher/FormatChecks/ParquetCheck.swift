/// Checks Parquet files: `PAR1` (or `PARE`, encrypted footer) is at both ends, and a footer length fits between them. The footer is written
/// last.
enum ParquetCheck {
    private static let magics = [Array("PAR1".utf8), Array("PARE".utf8)]

    static func check(_ file: inout SealedFile) -> FormatCheck.Result {
        guard let head = file.bytes(at: 0, count: 4), magics.contains(head) else { return .incomplete("it does not begin with PAR1") }
        guard file.size >= 12, let tail = file.bytes(at: file.size - 4, count: 4), magics.contains(tail) else {
            return .incomplete("it does not end with PAR1: the Parquet footer is missing")
        }
        guard let footer = file.integer(at: file.size - 8, as: UInt32.self), footer > 0, Int64(footer) + 12 <= file.size else {
            return .incomplete("the Parquet footer's length does not fit the file")
        }
        return .whole(companions: [])
    }
}
