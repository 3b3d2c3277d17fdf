/// Writes lines of CSV in which each cell is quoted that must be.
struct CSVLines {
    private let target: OwnedDescriptor
    private let file: String
    private let nullWords: [[UInt8]]
    private var written: [UInt8] = []

    init(_ target: OwnedDescriptor, file: String, nullWords: [String]) {
        self.target = target
        self.file = file
        self.nullWords = nullWords.map { Array($0.utf8) }
    }

    mutating func add(name: String, isFirst: Bool) {
        if !isFirst { written.append(UInt8(ascii: ",")) }
        Array(name.utf8).withUnsafeBytes { appendCSVText($0, to: &written) }
    }

    /// - Parameter isWord: whether the text marks a missing value, which it does only without quotes.
    mutating func add(_ text: UnsafeRawBufferPointer?, isWord: Bool, isFirst: Bool) {
        if !isFirst { written.append(UInt8(ascii: ",")) }
        guard let text else { return }
        if !isWord, nullWords.contains(where: { $0.elementsEqual(text) }) {
            written.append(UInt8(ascii: "\""))
            for byte in text { written += byte == UInt8(ascii: "\"") ? [byte, byte] : [byte] }
            written.append(UInt8(ascii: "\""))
        } else {
            appendCSVText(text, to: &written)
        }
    }

    mutating func endLine() throws(ColumnarError) {
        written.append(UInt8(ascii: "\n"))
        if written.count >= 1 << 18 { try flush() }
    }

    mutating func flush() throws(ColumnarError) { try PrivateCopy.flush(&written, to: target, file: file) }
}
