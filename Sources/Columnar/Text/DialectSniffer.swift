internal import Reasons
package import Recipes

/// Finds from the first lines of a CSV file how it was written.
package struct DialectSniffer: Sendable {
    /// The delimiter, among the four usual characters, that splits every line into the same number of cells.
    package private(set) var delimiter = UInt8(ascii: ",")
    /// The decimal point: `,` where numbers are written `1,5`, otherwise `.`.
    package private(set) var decimalPoint = UInt8(ascii: ".")
    /// Tells whether quotes inside cells are written `\"`.
    package private(set) var hasEscapedQuotes = false
    /// Tells whether delimiters inside cells are written `\,`.
    package private(set) var hasEscapedDelimiters = false
    /// Tells whether names after the first have a space before them.
    package private(set) var hasSpacedHeader = false
    /// The first line, if it is one like `sep=;`, which only Excel reads.
    package private(set) var excelLine: String?
    /// Tells whether the first line begins with `#`, as comments in other programs' files do.
    package private(set) var startsWithComment = false
    /// The cells of the first line, split by `delimiter`.
    package private(set) var header: [String] = []

    /// Reads the first lines; returns `nil` where the file cannot be read, or is no CSV.
    /// - Parameter descriptor: the file, where it is open already.
    package init?(path: String, descriptor: Int32? = nil, format: TableFormat? = nil, dialect: TextDialect = TextDialect(nullWords: nil)) {
        guard let format = format ?? TableFormat(fileName: path), format.kind == .csv else { return nil }
        var options = ReadOptions()
        // Every line is one cell.
        options.dialect.delimiter = 0x1f
        options.dialect.quote = nil
        options.dialect.header = .absent(names: nil)
        options.dialect.encoding = dialect.encoding
        options.dialect.nullWords = []
        options.blockByteCount = 1 << 16
        options.descriptor = descriptor
        options.givesHints = false
        guard let reader = try? TableReader(path: path, format: format, options: options),
            (try? reader.select([ColumnRequest(position: 0, format: "u")])) != nil, let batch = try? reader.next(),
            let cells = try? BytesColumn(batch.columns[0], file: path)
        else { return nil }
        let lines = (0..<min(batch.rowCount, 100)).map { Array(cells.bytes($0)) }.filter { !$0.isEmpty }
        self.init(lines: lines, quote: dialect.quote ?? UInt8(ascii: "\""))
    }

    init(lines: [[UInt8]], quote: UInt8) {
        guard var first = lines.first else { return }
        var rest = lines.dropFirst()
        startsWithComment = first.first == UInt8(ascii: "#")
        let start = String(decoding: first.prefix(8), as: UTF8.self)
        if start.lowercased().hasPrefix("sep="), first.count <= 5 {
            excelLine = start
            guard let next = rest.popFirst() else { return }
            first = next
        }
        let candidates = [UInt8(ascii: ","), UInt8(ascii: ";"), UInt8(ascii: "\t"), UInt8(ascii: "|")]
        let scored = candidates.map { delimiter in
            let count = Self.cells(first, delimiter, quote).count
            let agreeing = rest.count { Self.cells($0, delimiter, quote).count == count }
            return (delimiter: delimiter, count: count, agrees: count > 1 && agreeing * 10 >= rest.count * 9)
        }
        let agreeing = scored.filter(\.agrees).max { $0.count < $1.count }
        if let best = agreeing ?? scored.filter({ $0.count > 1 }).max(by: { $0.count < $1.count }) {
            delimiter = best.delimiter
        }
        let names = Self.cells(first, delimiter, quote)
        header = names.map { String(decoding: $0, as: UTF8.self) }
        hasSpacedHeader = names.count > 1 && names.dropFirst().allSatisfy { $0.first == UInt8(ascii: " ") }
        var hasComma = false, hasPoint = false
        for line in rest {
            for cell in Self.cells(line, delimiter, quote) where cell.contains(where: { (0x30...0x39).contains($0) }) {
                let others = cell.filter { !(0x30...0x39).contains($0) && $0 != UInt8(ascii: "-") }
                if others == [UInt8(ascii: ",")] { hasComma = true }
                if others == [UInt8(ascii: ".")] { hasPoint = true }
            }
        }
        if delimiter != UInt8(ascii: ","), hasComma, !hasPoint { decimalPoint = UInt8(ascii: ",") }
        for line in lines {
            for (byte, next) in zip(line, line.dropFirst()) where byte == UInt8(ascii: "\\") {
                if next == quote { hasEscapedQuotes = true }
                if next == delimiter { hasEscapedDelimiters = true }
            }
        }
    }

    private static func cells(_ line: [UInt8], _ delimiter: UInt8, _ quote: UInt8) -> [[UInt8]] {
        var cells: [[UInt8]] = [[]]
        var isQuoted = false
        for byte in line {
            if byte == quote {
                isQuoted.toggle()
            } else if byte == delimiter, !isQuoted {
                cells.append([])
            } else {
                cells[cells.count - 1].append(byte)
            }
        }
        return cells
    }
}

/// Adds a hint about the dialect to an error that a wrong dialect may have caused.
enum DialectHint {
    static func added(
        to error: ColumnarError, path: String, descriptor: Int32, format: TableFormat, dialect: TextDialect
    ) -> ColumnarError {
        guard format.kind == .csv else { return error }
        guard let reason = error.located?.reason.text,
            let words = hint(
                reason, isMismatch: error.isMismatch, path: path, descriptor: descriptor, format: format, dialect: dialect)
        else { return error }
        switch error {
        case .badFile(let location, let reason): return .badFile(location, reason: reason + "; \(words)")
        case .badValue(let location, let reason): return .badValue(location, reason: reason + "; \(words)")
        case .mismatch(let location, let reason): return .mismatch(location, reason: reason + "; \(words)")
        default: return error
        }
    }

    private static func hint(
        _ reason: String, isMismatch: Bool, path: String, descriptor: Int32, format: TableFormat, dialect: TextDialect
    ) -> String? {
        if reason.contains("schema.dialect") { return nil }
        if reason.contains("invalid UTF8") || reason.contains("not UTF-8 text") {
            return "if it is written in another encoding, set schema.dialect.encoding to latin-1, windows-1252 or utf-16"
        }
        let signs = ["columns, got", "a quote is not closed", "is no number"]
        guard isMismatch || signs.contains(where: { reason.contains($0) }),
            let seen = DialectSniffer(path: path, descriptor: descriptor, format: format, dialect: dialect)
        else { return nil }
        let delimiter = dialect.delimiter(of: path)
        var keys: [String] = []
        if seen.delimiter != delimiter, seen.header.count > 1 { keys.append("delimiter to \(shown(seen.delimiter))") }
        if seen.decimalPoint != dialect.decimal, seen.decimalPoint == UInt8(ascii: ",") { keys.append("decimal to \",\"") }
        if seen.startsWithComment, reason.contains("columns, got") {
            return "its first line begins with #, and a table has no comments: remove the lines that do"
        }
        if let line = seen.excelLine {
            let rest = keys.isEmpty ? "" : ", and set schema.dialect." + keys.joined(separator: " and ")
            return "its first line, \"\(line)\", is for Excel alone: remove it" + rest
        }
        if !keys.isEmpty { return "by its first lines, set schema.dialect." + keys.joined(separator: " and ") }
        if !isMismatch, dialect.escape == nil, seen.hasEscapedQuotes, dialect.quote != nil {
            return "where quotes inside cells are written \\\", as Spark does, set schema.dialect.escape to \"\\\\\""
        }
        if !isMismatch, dialect.escape == nil, seen.hasEscapedDelimiters {
            return "where delimiters inside cells are written with a backslash before them, set schema.dialect.escape to \"\\\\\" and "
                + "quote to none"
        }
        if isMismatch, seen.hasSpacedHeader {
            return "the names in the header have a space before them: write the file without spaces after the delimiter, or name them so"
        }
        return nil
    }

    private static func shown(_ byte: UInt8) -> String { byte == UInt8(ascii: "\t") ? "tab" : "\"\(Character(UnicodeScalar(byte)))\"" }
}

extension ColumnarError {
    fileprivate var isMismatch: Bool { if case .mismatch = self { true } else { false } }
}
