import Glibc

/// Describes a message between a command and a daemon over `LedgerSocket`. It is written as a byte for the kind, the length of the rest as
/// 4 bytes, and the rest. Numbers are little-endian. Every length is checked against a bound before memory is taken for it.
enum LedgerMessage: Equatable {
    /// The daemon begins the conversation with a `LedgerGreeting` as JSON.
    case greeting(String)
    /// All queries from here to `end` see one moment of the ledger.
    case begin
    case end
    case query(sql: String, values: [StoredValue], atMost: Int64)
    /// The command leaves a `Request`, as JSON, for the dispatcher.
    case submit(String)
    /// The daemon sends a part of a query's rows; `done` follows the last part.
    case rows([[StoredValue]])
    case done
    case number(Int64)
    case refused(code: Int64, message: String)

    static let longest = 16 << 20

    // MARK: Bytes

    func encoded() -> [UInt8] {
        var body = Writer()
        let kind: UInt8
        switch self {
        case .greeting(let text):
            kind = 1
            body.text(text)
        case .begin: kind = 2
        case .end: kind = 3
        case .query(let sql, let values, let limit):
            kind = 4
            body.text(sql)
            body.integer(limit)
            body.values(values)
        case .submit(let text):
            kind = 5
            body.text(text)
        case .rows(let rows):
            kind = 6
            body.integer(Int64(rows.count))
            for row in rows { body.values(row) }
        case .done: kind = 7
        case .number(let number):
            kind = 8
            body.integer(number)
        case .refused(let code, let message):
            kind = 9
            body.integer(code)
            body.text(message)
        }
        var frame = Writer()
        frame.bytes.append(kind)
        frame.length(body.bytes.count)
        return frame.bytes + body.bytes
    }

    /// Decodes a message; returns nil where the bytes are none.
    init?(kind: UInt8, _ bytes: [UInt8]) {
        var body = Reader(bytes)
        let message: LedgerMessage?
        switch kind {
        case 1: message = body.text().map { .greeting($0) }
        case 2: message = .begin
        case 3: message = .end
        case 4:
            guard let sql = body.text(), let limit = body.integer(), let values = body.values() else { return nil }
            message = .query(sql: sql, values: values, atMost: limit)
        case 5: message = body.text().map { .submit($0) }
        case 6:
            // A row takes at least the four bytes of its count.
            guard let count = body.integer(), count >= 0, count <= bytes.count / 4 else { return nil }
            var rows: [[StoredValue]] = []
            for _ in 0..<count {
                guard let row = body.values() else { return nil }
                rows.append(row)
            }
            message = .rows(rows)
        case 7: message = .done
        case 8: message = body.integer().map { .number($0) }
        case 9:
            guard let code = body.integer(), let text = body.text() else { return nil }
            message = .refused(code: code, message: text)
        default: message = nil
        }
        guard let message, body.isAtEnd else { return nil }
        self = message
    }

    private struct Writer {
        var bytes: [UInt8] = []

        mutating func length(_ count: Int) { withUnsafeBytes(of: UInt32(count).littleEndian) { bytes.append(contentsOf: $0) } }
        mutating func integer(_ value: Int64) { withUnsafeBytes(of: value.littleEndian) { bytes.append(contentsOf: $0) } }

        mutating func text(_ text: String) {
            length(text.utf8.count)
            bytes.append(contentsOf: text.utf8)
        }

        mutating func values(_ values: [StoredValue]) {
            length(values.count)
            for value in values {
                switch value {
                case .null: bytes.append(0)
                case .integer(let number):
                    bytes.append(1)
                    integer(number)
                case .text(let string):
                    bytes.append(2)
                    text(string)
                }
            }
        }
    }

    private struct Reader {
        private let bytes: [UInt8]
        private var next = 0

        init(_ bytes: [UInt8]) { self.bytes = bytes }

        var isAtEnd: Bool { next == bytes.count }

        mutating func take(_ count: Int) -> ArraySlice<UInt8>? {
            guard count >= 0, count <= bytes.count - next else { return nil }
            defer { next += count }
            return bytes[next..<next + count]
        }

        mutating func length() -> Int? { take(4).map { $0.reversed().reduce(0) { $0 << 8 | Int($1) } } }
        mutating func integer() -> Int64? { take(8).map { Int64(bitPattern: $0.reversed().reduce(UInt64(0)) { $0 << 8 | UInt64($1) }) } }
        mutating func text() -> String? { length().flatMap { take($0) }.map { String(decoding: $0, as: UTF8.self) } }

        mutating func values() -> [StoredValue]? {
            guard let count = length(), count <= bytes.count - next else { return nil }
            var values: [StoredValue] = []
            for _ in 0..<count {
                switch take(1)?.first {
                case 0: values.append(.null)
                case 1:
                    guard let number = integer() else { return nil }
                    values.append(.integer(number))
                case 2:
                    guard let string = text() else { return nil }
                    values.append(.text(string))
                default: return nil
                }
            }
            return values
        }
    }
}

/// Tells who the daemon is, and which version of the ledger it has.
struct LedgerGreeting: Codable {
    var schema: String
    var holder: DaemonLock.Holder
}
