/// Holds what one transaction has written: its statements, in their order, with the values that were bound. Executed again on the ledger as
/// it was before, they make of it what it was after: no statement reads a clock or chance, and numbers are given in order.
///
/// In a journal a record is its length and its checksum, each of four bytes, and then its statements. The text of a statement stands where
/// it is used for the first time; afterwards its number does.
struct JournalRecord {
    struct Statement: Hashable {
        var sql: String
        var values: [StoredValue]
        /// The number of rows that it changed.
        var changes: Int
    }

    private(set) var statements: [Statement] = []
    private var values: [StoredValue] = []

    var isEmpty: Bool { statements.isEmpty }

    /// Takes a value that is bound to the next statement.
    mutating func bind(_ value: StoredValue) { values.append(value) }

    /// Ends a statement, to which the values that were taken belong.
    mutating func add(_ sql: StaticString, changes: Int) {
        statements.append(Statement(sql: "\(sql)", values: values, changes: changes))
        values.removeAll(keepingCapacity: true)
    }

    init() {}
    init(_ statements: [Statement]) { self.statements = statements }
}

/// Keeps the numbers of the statements that a journal has the text of.
struct StatementTexts {
    private var numbers: [String: Int] = [:]
    private var texts: [String] = []

    mutating func append(_ record: JournalRecord, to bytes: inout [UInt8]) {
        let start = bytes.count
        bytes += [UInt8](repeating: 0, count: 8)
        for statement in record.statements {
            if let number = numbers[statement.sql] {
                bytes.append(number: UInt64(number))
            } else {
                bytes.append(number: UInt64(texts.count))
                bytes.append(text: statement.sql)
                numbers[statement.sql] = texts.count
                texts.append(statement.sql)
            }
            bytes.append(number: UInt64(statement.changes))
            bytes.append(number: UInt64(statement.values.count))
            for value in statement.values {
                switch value {
                case .null: bytes.append(0)
                case .integer(let value):
                    bytes.append(1)
                    // Small negative numbers are short as well.
                    bytes.append(number: UInt64(bitPattern: value << 1 ^ value >> 63))
                case .text(let text):
                    bytes.append(2)
                    bytes.append(text: text)
                }
            }
        }
        let body = bytes[(start + 8)...]
        for (offset, word) in [UInt32(body.count), Self.checksum(body)].enumerated() {
            for byte in 0..<4 { bytes[start + offset * 4 + byte] = UInt8(truncatingIfNeeded: word >> (8 * UInt32(byte))) }
        }
    }

    /// Reads the next record; nil where the journal ends, or where what follows was not written to its end.
    mutating func read(_ bytes: inout ArraySlice<UInt8>) -> JournalRecord? {
        guard bytes.count >= 8 else { return nil }
        func word(_ offset: Int) -> UInt32 {
            (0..<4).reduce(0) { $0 | UInt32(bytes[bytes.startIndex + offset + $1]) << (8 * UInt32($1)) }
        }
        let (count, checksum) = (Int(word(0)), word(4))
        guard count > 0, bytes.count >= 8 + count else { return nil }
        var body = bytes.dropFirst(8).prefix(count)
        guard Self.checksum(body) == checksum, let statements = statements(&body) else { return nil }
        bytes = bytes.dropFirst(8 + count)
        return JournalRecord(statements)
    }

    private mutating func statements(_ body: inout ArraySlice<UInt8>) -> [JournalRecord.Statement]? {
        var statements: [JournalRecord.Statement] = []
        while !body.isEmpty {
            guard let number = body.takeNumber(), number <= texts.count else { return nil }
            if number == texts.count {
                guard let text = body.takeText() else { return nil }
                texts.append(text)
            }
            guard let changes = body.takeNumber(), let count = body.takeNumber() else { return nil }
            var values: [StoredValue] = []
            for _ in 0..<count {
                switch body.popFirst() {
                case 0: values.append(.null)
                case 1:
                    guard let value = body.takeNumber() else { return nil }
                    values.append(.integer(Int64(bitPattern: value >> 1) ^ -Int64(bitPattern: value & 1)))
                case 2:
                    guard let text = body.takeText() else { return nil }
                    values.append(.text(text))
                default: return nil
                }
            }
            statements.append(.init(sql: texts[Int(number)], values: values, changes: Int(changes)))
        }
        return statements
    }

    /// Returns the 32 bits of FNV-1a.
    private static func checksum(_ bytes: ArraySlice<UInt8>) -> UInt32 {
        bytes.reduce(2_166_136_261) { ($0 ^ UInt32($1)) &* 16_777_619 }
    }
}

extension [UInt8] {
    /// Appends seven bits in each byte, the low ones first; all bytes but the last have the eighth bit.
    fileprivate mutating func append(number: UInt64) {
        var rest = number
        while rest > 0x7F {
            append(UInt8(truncatingIfNeeded: rest) | 0x80)
            rest >>= 7
        }
        append(UInt8(rest))
    }

    fileprivate mutating func append(text: String) {
        append(number: UInt64(text.utf8.count))
        append(contentsOf: text.utf8)
    }
}

extension ArraySlice<UInt8> {
    fileprivate mutating func takeNumber() -> UInt64? {
        var number: UInt64 = 0
        for shift in stride(from: UInt64(0), to: 64, by: 7) {
            guard let byte = popFirst() else { return nil }
            number |= UInt64(byte & 0x7F) << shift
            if byte < 0x80 { return number }
        }
        return nil
    }

    fileprivate mutating func takeText() -> String? {
        guard let length = takeNumber(), let size = Int(exactly: length), size <= count else { return nil }
        defer { self = dropFirst(size) }
        return String(decoding: prefix(size), as: UTF8.self)
    }
}
