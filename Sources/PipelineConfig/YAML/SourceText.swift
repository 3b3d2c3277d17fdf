internal import Reasons

/// Checks the text of a file before the YAML parser sees it.
struct SourceText {
    /// The largest size of a file in bytes. The limits of bytes and aliases keep the expanded document small: `n` aliases can multiply a
    /// document at most by about 3^(n/3).
    static let byteLimit = 256 * 1024
    static let aliasLimit = 16
    /// The characters of which one is written over the start of each duplicate key once it is reported. They are from the private use area,
    /// and refused in files.
    static let hidingMarks: ClosedRange<Unicode.Scalar> = "\u{E000}"..."\u{E0FF}"

    private(set) var lines: [[Unicode.Scalar]]
    /// The positions of the keys that are hidden from the parser and reported already.
    private(set) var hidden: Set<Position> = []

    var text: String {
        var result = String.UnicodeScalarView()
        for (index, line) in lines.enumerated() {
            if index > 0 { result.append("\n") }
            result.append(contentsOf: line)
        }
        return String(result)
    }

    /// Returns nil where a problem was added that leaves nothing to parse.
    init?(_ bytes: [UInt8], problems: ProblemList) {
        let start = Position(line: 1, column: 1)
        guard bytes.count <= Self.byteLimit else {
            problems.add(
                .documentLimit, start, "", "the file has more than the \(Self.byteLimit) bytes that a pipeline may have",
                "check that this is a pipeline")
            return nil
        }
        if bytes.starts(with: [0xFF, 0xFE]) || bytes.starts(with: [0xFE, 0xFF]) {
            problems.add(.syntax, start, "", "the file is UTF-16", "save it as UTF-8")
            return nil
        }
        let body = bytes.starts(with: [0xEF, 0xBB, 0xBF]) ? bytes[3...] : bytes[...]
        guard let text = String(validating: body, as: UTF8.self) else {
            problems.add(.syntax, Self.positionOfInvalidByte(in: body), "", "the file is not UTF-8 from here on", "save it as UTF-8")
            return nil
        }
        lines = [[]]
        var previous: Unicode.Scalar?
        for scalar in text.unicodeScalars {
            if scalar == "\n" || scalar == "\r" {
                if !(scalar == "\n" && previous == "\r") { lines.append([]) }
            } else if Self.isRefused(scalar) {
                let position = Position(line: lines.count, column: lines[lines.count - 1].count + 1)
                problems.add(
                    .syntax, position, "", "there is a control character (U+\(scalar.hexadecimal)) here",
                    "remove it, or write it as an escape in double quotes")
                return nil
            } else {
                lines[lines.count - 1].append(scalar)
            }
            previous = scalar
        }
        if let position = firstAliasPastTheLimit {
            problems.add(
                .documentLimit, position, "", "the file uses more than \(Self.aliasLimit) aliases (*name)", "write the values out")
            return nil
        }
    }

    subscript(position: Position) -> Unicode.Scalar? {
        guard lines.indices.contains(position.line - 1), lines[position.line - 1].indices.contains(position.column - 1) else { return nil }
        return lines[position.line - 1][position.column - 1]
    }

    private static func isRefused(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar.value {
        case 0x09, 0x85: false
        case ..<0x20, 0x7F...0x9F, 0xE000...0xE0FF, 0xFEFF, 0xFFFE, 0xFFFF: true
        default: false
        }
    }

    private static func positionOfInvalidByte(in bytes: ArraySlice<UInt8>) -> Position {
        var (line, column) = (1, 1)
        var decoder = UTF8()
        var iterator = bytes.makeIterator()
        while case .scalarValue(let scalar) = decoder.decode(&iterator) {
            if scalar == "\n" { (line, column) = (line + 1, 1) } else { column += 1 }
        }
        return Position(line: line, column: column)
    }

    /// The position of the first text past the limit that looks like an alias outside quotes and comments; in block text too many may be
    /// counted.
    private var firstAliasPastTheLimit: Position? {
        var count = 0
        for (row, line) in lines.enumerated() {
            var quote: Unicode.Scalar?
            var previous: Unicode.Scalar = " "
            for (column, scalar) in line.enumerated() {
                defer { previous = scalar }
                let opensToken = " \t[{,:-?".unicodeScalars.contains(previous)
                if let open = quote {
                    if scalar == open && previous != "\\" { quote = nil }
                } else if opensToken && (scalar == "\"" || scalar == "'") {
                    quote = scalar
                } else if scalar == "#" && (previous == " " || previous == "\t") {
                    break
                } else if opensToken && scalar == "*" {
                    count += 1
                    if count > Self.aliasLimit { return Position(line: row + 1, column: column + 1) }
                }
            }
        }
        return nil
    }

    // MARK: Duplicate keys

    /// Hides the second `key` of a mapping from the parser and returns its position. `first` is the position of the first one.
    mutating func hideSecond(_ key: String, after first: Position) -> Position? {
        let row = first.line - 1, column = first.column - 1
        guard lines.indices.contains(row), !key.isEmpty else { return nil }
        let isBlock = lines[row].prefix(column).allSatisfy { $0 == " " || $0 == "-" }
        let found = isBlock ? secondInBlock(key, row: row, column: column) : secondInFlow(key, row: row, column: column)
        guard let found, let mark = Unicode.Scalar(Self.hidingMarks.lowerBound.value + UInt32(hidden.count)),
            Self.hidingMarks.contains(mark)
        else {
            return nil
        }
        hidden.insert(found)
        let quoted = lines[found.line - 1][found.column - 1] != key.unicodeScalars.first
        lines[found.line - 1][found.column - 1 + (quoted ? 1 : 0)] = mark
        return found
    }

    private func secondInBlock(_ key: String, row: Int, column: Int) -> Position? {
        for next in lines.indices.dropFirst(row + 1) {
            guard let indentation = lines[next].firstIndex(where: { $0 != " " }), lines[next][indentation] != "#" else { continue }
            if indentation < column { return nil }
            if indentation == column, isKey(key, row: next, column: column) { return Position(line: next + 1, column: column + 1) }
        }
        return nil
    }

    private func secondInFlow(_ key: String, row: Int, column: Int) -> Position? {
        var depth = 0
        var start = column + 1
        for next in lines.indices.dropFirst(row) {
            for place in lines[next].indices.dropFirst(start) {
                switch lines[next][place] {
                case "{", "[": depth += 1
                case "}", "]": depth -= 1
                default:
                    let opensToken = place == 0 || " ,{".unicodeScalars.contains(lines[next][place - 1])
                    if depth == 0, opensToken, isKey(key, row: next, column: place) { return Position(line: next + 1, column: place + 1) }
                }
                if depth < 0 { return nil }
            }
            start = 0
        }
        return nil
    }

    private func isKey(_ key: String, row: Int, column: Int) -> Bool {
        for token in [key, "\"\(key)\"", "'\(key)'"] {
            let scalars = Array(token.unicodeScalars)
            let rest = lines[row].dropFirst(column)
            guard rest.starts(with: scalars) else { continue }
            if rest.dropFirst(scalars.count).first(where: { $0 != " " }) == ":" { return true }
        }
        return false
    }
}

extension Unicode.Scalar {
    fileprivate var hexadecimal: String {
        let digits = String(value, radix: 16, uppercase: true)
        return String(repeating: "0", count: max(0, 4 - digits.count)) + digits
    }
}
