internal import Foundation
internal import Names
internal import Reasons
internal import Recipes

/// Copies lines of JSON, each an object, without the keys that are dropped and with hashes in place of the values that are hashed. All else
/// stays as it is written.
struct JSONFilter {
    private let file: String
    private let drop: NameSet, columns: NameSet
    private var hashes: NameMap<ColumnHash> = [:]
    private let privacy: RowPrivacy
    private let types: NameMap<String>
    /// Which of the keys that were seen so far may stay as they are.
    private var known = NameSet()
    /// Which of the keys that `privacy` names were seen so far.
    private var found = NameSet()
    private var row = 0

    init(_ privacy: RowPrivacy, types: NameMap<String>, file: String) {
        self.privacy = privacy
        self.types = types
        self.file = file
        drop = NameSet(privacy.drop)
        columns = privacy.columns
    }

    /// The keys that `privacy` names and that no line has had so far; none where there were no lines.
    var absent: [String] { row == 0 ? [] : columns.sorted().filter { !found.contains($0) } }

    /// Appends a line and its end; a blank line gives nothing.
    mutating func append(_ line: ArraySlice<UInt8>, to written: inout [UInt8]) throws(ColumnarError) {
        var scanner = JSONScanner(line)
        if row == 0 { scanner.skip([0xEF, 0xBB, 0xBF]) }
        scanner.skipBlanks()
        if scanner.isAtEnd { return }
        row += 1
        guard scanner.take("{") else { throw broken() }
        written.append(UInt8(ascii: "{"))
        scanner.skipBlanks()
        var isFirst = true
        if !scanner.take("}") {
            repeat {
                guard let (key, value) = scanner.member() else { throw broken() }
                guard let name = Self.string(key) else { throw broken() }
                if columns.contains(name) { _ = found.insert(name) }
                if drop.contains(name) { continue }
                if !isFirst { written.append(UInt8(ascii: ",")) }
                isFirst = false
                written += key
                written.append(UInt8(ascii: ":"))
                if let hash = try hash(of: name) {
                    try append(hash, of: value, to: &written)
                } else {
                    try check(name, value)
                    written += value
                }
            } while scanner.take(",")
            guard scanner.take("}") else { throw broken() }
        }
        scanner.skipBlanks()
        guard scanner.isAtEnd else { throw broken() }
        written += Array("}\n".utf8)
    }

    /// Throws where a key that stays looks like one that goes, or has such a key in an object inside.
    private mutating func check(_ name: String, _ value: ArraySlice<UInt8>) throws(ColumnarError) {
        if known.insert(name).inserted { try privacy.check(column: name, row: row, file: file) }
        guard [UInt8(ascii: "{"), UInt8(ascii: "[")].contains(value.first) else { return }
        for key in JSONScanner.keys(in: value) {
            guard let inner = Self.string(key) else { throw broken() }
            guard columns.contains(inner) || privacy.columnLike(inner) != nil else { continue }
            throw .mismatch(TableLocation(file: file, row: row, column: name), reason: RowPrivacy.within(inner))
        }
    }

    private mutating func hash(of name: String) throws(ColumnarError) -> ColumnHash? {
        if let known = hashes[name] { return known }
        let made = try ColumnHash(of: name, privacy, types: types)
        hashes[name] = made
        return made
    }

    private func append(_ hash: ColumnHash, of value: ArraySlice<UInt8>, to written: inout [UInt8]) throws(ColumnarError) {
        let hashed: String?
        switch value.first {
        case UInt8(ascii: "\""):
            guard let text = Self.string(value) else { throw broken() }
            hashed = hash.hashed(text)
        case UInt8(ascii: "{"), UInt8(ascii: "["):
            throw .mismatch(
                TableLocation(file: file, row: row, column: hash.field.name),
                reason: "privacy.hash cannot hash lists and objects: drop the column, or write its values as text")
        default:
            let text = String(decoding: value, as: UTF8.self)
            let isWhole = !text.utf8.contains { [UInt8(ascii: "."), UInt8(ascii: "e"), UInt8(ascii: "E")].contains($0) }
            if text == "null" {
                hashed = nil
            } else if !isWhole, !hash.isText, let number = Double(text) {
                hashed = hash.hashed(number)
            } else {
                hashed = hash.hashed(text)
            }
        }
        written += hashed.map { "\"\($0)\"" }.map { Array($0.utf8) } ?? Array("null".utf8)
    }

    /// Returns the text of a string as JSON writes it; nil where it is none.
    private static func string(_ written: ArraySlice<UInt8>) -> String? {
        if !written.contains(UInt8(ascii: "\\")) { return String(decoding: written.dropFirst().dropLast(), as: UTF8.self) }
        return try? JSONDecoder().decode([String].self, from: Data([UInt8(ascii: "[")] + written + [UInt8(ascii: "]")])).first
    }

    private func broken() -> ColumnarError {
        .badFile(TableLocation(file: file, row: row), reason: "the line is no JSON object")
    }
}

/// Takes the members of an object on one line apart, as far as that is needed to copy them.
private struct JSONScanner {
    private var rest: ArraySlice<UInt8>

    init(_ line: ArraySlice<UInt8>) { rest = line }

    var isAtEnd: Bool { rest.isEmpty }

    /// Returns the keys of all objects in a value, as they are written.
    static func keys(in value: ArraySlice<UInt8>) -> [ArraySlice<UInt8>] {
        var scanner = JSONScanner(value), keys: [ArraySlice<UInt8>] = []
        while let next = scanner.rest.first {
            guard next == UInt8(ascii: "\"") else {
                scanner.rest.removeFirst()
                continue
            }
            guard let text = scanner.string() else { break }
            scanner.skipBlanks()
            if scanner.take(":") { keys.append(text) }
        }
        return keys
    }

    mutating func skip(_ mark: [UInt8]) { if rest.starts(with: mark) { rest.removeFirst(mark.count) } }

    mutating func skipBlanks() { rest = rest.drop { [0x20, 0x09, 0x0A, 0x0D].contains($0) } }

    mutating func take(_ character: Unicode.Scalar) -> Bool {
        guard rest.first == UInt8(ascii: character) else { return false }
        rest.removeFirst()
        return true
    }

    /// Takes a key, as it is written, and its value, with the blanks around them; nil where there is none.
    mutating func member() -> (key: ArraySlice<UInt8>, value: ArraySlice<UInt8>)? {
        skipBlanks()
        guard let key = string() else { return nil }
        skipBlanks()
        guard take(":") else { return nil }
        skipBlanks()
        guard let value = value() else { return nil }
        skipBlanks()
        return (key, value)
    }

    /// Takes a string with its quotes.
    private mutating func string() -> ArraySlice<UInt8>? {
        guard rest.first == UInt8(ascii: "\"") else { return nil }
        var index = rest.startIndex + 1
        while index < rest.endIndex {
            if rest[index] == UInt8(ascii: "\\") {
                index += 2
            } else if rest[index] == UInt8(ascii: "\"") {
                defer { rest = rest[(index + 1)...] }
                return rest[...index]
            } else {
                index += 1
            }
        }
        return nil
    }

    private mutating func value() -> ArraySlice<UInt8>? {
        let start = rest
        switch rest.first {
        case UInt8(ascii: "\""): return string()
        case UInt8(ascii: "{"), UInt8(ascii: "["):
            var depth = 0
            repeat {
                switch rest.first {
                case nil: return nil
                case UInt8(ascii: "\""): if string() == nil { return nil }
                case UInt8(ascii: "{"), UInt8(ascii: "["):
                    depth += 1
                    rest.removeFirst()
                case UInt8(ascii: "}"), UInt8(ascii: "]"):
                    depth -= 1
                    rest.removeFirst()
                default: rest.removeFirst()
                }
            } while depth > 0
        default:
            rest = rest.drop { ![0x20, 0x09, 0x0D, UInt8(ascii: ","), UInt8(ascii: "}")].contains($0) }
            if rest.startIndex == start.startIndex { return nil }
        }
        return start[..<rest.startIndex]
    }
}
