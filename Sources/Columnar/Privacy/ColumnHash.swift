internal import Crypto
internal import Names
internal import Reasons
internal import Recipes
internal import Tensors

/// Hashes the values of a column: HMAC-SHA256 under a key, as 64 hexadecimal digits. What is hashed is the text of the value, in the one
/// form that it has in every format and type, as row keys have: 1, 1.0 and "1" have one hash. A missing value stays missing, and an empty
/// text is missing too, since not every format tells the two apart.
struct ColumnHash {
    let field: Field
    private let key: SymmetricKey
    /// Tells whether each text has its own hash, also one that writes the same number.
    let isText: Bool

    /// Makes the hash of a column of a table; nil where the column is not hashed.
    init?(of column: String, _ table: TableSchemaRule) throws(ColumnarError) {
        try self.init(of: column, table.privacy, types: table.types)
    }

    init?(of column: String, _ privacy: RowPrivacy?, types: NameMap<String>) throws(ColumnarError) {
        guard let privacy, privacy.hash.containsName(column) else { return nil }
        guard let key = privacy.key else {
            throw .badRule(
                "privacy.hash names the column \"\(column)\", and the key of its hashes is not there: a daemon makes it in its state "
                    + "folder; elsewhere, name a key in privacy.key")
        }
        field = Field(name: column, format: "u")
        self.key = SymmetricKey(data: key.bytes)
        isText = types[column] == "string"
    }

    /// Returns the hash of a text; nil for an empty one.
    func hashed(_ text: String) -> String? {
        if text.isEmpty { return nil }
        var digits: [UInt8] = []
        for byte in digest(canonical(text)) { digits += [Self.hexadecimal[Int(byte >> 4)], Self.hexadecimal[Int(byte & 15)]] }
        return String(decoding: digits, as: UTF8.self)
    }

    /// Returns the hash of a number; nil where it is none.
    func hashed(_ number: Double) -> String? { number.isNaN ? nil : hashed(isText ? "\(number)" : DecimalText.canonical(number)) }

    /// Returns the column with the hash of each value in its place.
    func hashed(_ column: Column, file: String) throws(ColumnarError) -> Column {
        let texts = try canonical(column, file: file)
        let memory = MemoryOwner()
        let offsets = memory.allocate(Int32.self, count: texts.count + 1)
        let digits = memory.allocate(UInt8.self, count: texts.count * Self.length)
        let validity = memory.allocate(UInt8.self, count: texts.count / 8 + 1)
        validity.update(repeating: 0, count: texts.count / 8 + 1)
        var end = 0, nullCount = 0
        offsets[0] = 0
        for (row, text) in texts.enumerated() {
            if let text {
                validity[row >> 3] |= 1 << UInt8(row & 7)
                for byte in digest(text) {
                    digits[end] = Self.hexadecimal[Int(byte >> 4)]
                    digits[end + 1] = Self.hexadecimal[Int(byte & 15)]
                    end += 2
                }
            } else {
                nullCount += 1
            }
            offsets[row + 1] = Int32(end)
        }
        return Column(
            name: field.name, format: "u", count: texts.count,
            buffers: [nullCount == 0 ? nil : UnsafeRawPointer(validity), UnsafeRawPointer(offsets), UnsafeRawPointer(digits)],
            memory: memory, nullCount: nullCount, isNullable: true)
    }

    private static let length = 2 * SHA256.byteCount
    private static let hexadecimal = Array("0123456789abcdef".utf8)

    private func digest(_ text: String) -> HMAC<SHA256>.MAC {
        var text = text
        return text.withUTF8 { bytes in
            var hash = HMAC<SHA256>(key: key)
            hash.update(data: UnsafeRawBufferPointer(bytes))
            return hash.finalize()
        }
    }

    /// Returns the text that is hashed for each row; nil for a missing value.
    private func canonical(_ column: Column, file: String) throws(ColumnarError) -> [String?] {
        let type = column.field.type
        switch type.ofValues {
        case .null: return Array(repeating: nil, count: column.count)
        case .binary, .list, .structure, .other:
            throw .mismatch(
                TableLocation(file: file, column: field.name),
                reason: "privacy.hash cannot hash a column of type \(column.field.typeName): drop it, or write its values as text")
        case .boolean, .number, .string, .decimal, .time, .dictionary: break
        }
        let texts = try column.texts(file: file).map { text in text.flatMap { $0.isEmpty ? nil : $0 } }
        guard !isText, case .number(let number) = type.ofValues, number.isFloatingPoint else {
            return texts.map { text in text.map(canonical) }
        }
        // Large whole numbers are printed with an exponent.
        return texts.map { text in text.flatMap(Double.init).flatMap { $0.isNaN ? nil : DecimalText.canonical($0) } }
    }

    private func canonical(_ text: String) -> String { isText ? text : DecimalText.canonical(text) ?? text }
}
