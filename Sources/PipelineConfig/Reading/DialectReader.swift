import Reasons
import Recipes

/// Reads `schema.dialect`.
struct DialectReader {
    private let schema: Section

    init(_ schema: Section) { self.schema = schema }

    func dialect() -> TextDialect {
        var dialect = TextDialect()
        guard let section = schema.section(RowSchema.Key.dialect.rawValue, keys: TextDialect.Key.allCases.map(\.rawValue)) else {
            return dialect
        }
        for key in TextDialect.Key.allCases { read(key, of: section, into: &dialect) }
        check(&dialect, section)
        return dialect
    }

    private func read(_ key: TextDialect.Key, of section: Section, into dialect: inout TextDialect) {
        let name = key.rawValue
        // YAML reads `{ decimal: , }` as a null.
        if key.isOneByte, section.isNull(name) { section.refuse(.badValue, name, "no character is given", "put it in quotes, like \",\"") }
        switch key {
        case .delimiter: dialect.delimiter = byte(section, name, words: ["tab": UInt8(ascii: "\t")]) ?? dialect.delimiter
        case .quote:
            guard let node = section.node(name) else { return }
            dialect.quote = if case .scalar("none", isPlain: true) = node.content { nil } else { byte(section, name) ?? dialect.quote }
        case .escape: dialect.escape = byte(section, name)
        case .encoding: dialect.encoding = section.choice(name, of: TextDialect.Encoding.self) ?? dialect.encoding
        case .header: dialect.header = header(section, name)
        case .nullWords: dialect.nullWords = section.texts(name) ?? dialect.nullWords
        case .decimal: dialect.decimal = byte(section, name) ?? dialect.decimal
        }
    }

    /// Refuses characters that would have two meanings.
    private func check(_ dialect: inout TextDialect, _ section: Section) {
        func refuse(_ key: TextDialect.Key, _ fault: String, _ remedy: String) {
            section.refuse(.badValue, key.rawValue, fault, remedy)
        }
        if dialect.decimal != UInt8(ascii: "."), dialect.decimal != UInt8(ascii: ",") {
            refuse(.decimal, "a decimal sign is `.` or `,`", "write one of them in quotes")
        }
        if dialect.delimiter == dialect.decimal {
            refuse(.decimal, "the decimal sign is also the delimiter", "set `delimiter` to another character, like \";\"")
        }
        if dialect.delimiter == dialect.quote {
            refuse(.quote, "the quote is also the delimiter", "set one of them to another character")
        }
        if dialect.escape == dialect.delimiter {
            refuse(.escape, "the escape is also the delimiter", "set one of them to another character")
        }
        // An escape character that is the quote means that quotes are doubled.
        if dialect.escape == dialect.quote { dialect.escape = nil }
    }

    private func byte(_ section: Section, _ key: String, words: [String: UInt8] = [:]) -> UInt8? {
        guard let text = section.text(key) else { return nil }
        if let byte = words[text] { return byte }
        let bytes = Array(text.utf8)
        guard bytes.count == 1, bytes[0] == UInt8(ascii: "\t") || (0x20..<0x7F).contains(bytes[0]) else {
            let words = ["one ASCII character in quotes"] + words.keys + (key == "quote" ? ["none"] : [])
            section.refuse(.badValue, key, "\"\(text.clipped)\" is not one ASCII character", "write \(words.joined(separator: ", or "))")
            return nil
        }
        return bytes[0]
    }

    private func header(_ section: Section, _ key: String) -> TextDialect.Header {
        guard let node = section.node(key) else { return .likely }
        if case .sequence(let items) = node.content {
            if items.isEmpty { section.refuse(.badValue, key, "an empty list names no column", "write true, false, or the names") }
            return .absent(names: section.names(key))
        }
        return section.boolean(key) ?? true ? .present : .absent(names: nil)
    }
}

extension TextDialect.Key {
    /// Tells whether the key's value is one character.
    fileprivate var isOneByte: Bool {
        switch self {
        case .delimiter, .quote, .escape, .decimal: true
        case .encoding, .header, .nullWords: false
        }
    }
}
