internal import Foundation
internal import Names

/// Finds the columns of a table that are the index of the pandas frame that it was written from.
enum PandasIndex {
    /// Returns whether pandas itself gave the name, as it does to an index without one: `__index_level_0__`.
    static func isDefaultName(_ name: String) -> Bool {
        guard name.hasPrefix("__index_level_"), name.hasSuffix("__") else { return false }
        let level = name.dropFirst(14).dropLast(2)
        return !level.isEmpty && level.allSatisfy(\.isNumber)
    }

    /// Returns the columns that the `pandas` metadata of a Parquet or Arrow file lists as `index_columns`. An index that is only counted is
    /// an object there and has no column.
    static func columns(_ metadata: [String: String]) -> Set<String> {
        guard var rest = indexColumns(metadata) else { return [] }
        var names: Set<String> = []
        var depth = 0
        while let byte = rest.popFirst() {
            switch byte {
            case UInt8(ascii: "["), UInt8(ascii: "{"): depth += 1
            case UInt8(ascii: "]"), UInt8(ascii: "}"):
                depth -= 1
                if depth == 0 { return names }
            case UInt8(ascii: "\""):
                guard let name = string(&rest) else { return names }
                if depth == 1 { names.insert(name) }
            default: break
            }
        }
        return names
    }

    /// Describes an index that pandas counts instead of storing it, as it does for `df.set_index("id")` where the numbers of `id` have one
    /// step.
    struct Range: Hashable {
        let name: String
        let start: Int64
        let step: Int64
    }

    /// Returns the index with a name that the metadata describes by its first number and its step.
    static func range(_ metadata: [String: String]) -> Range? {
        guard var rest = indexColumns(metadata) else { return nil }
        var depth = 0
        var key: String?, kind: String?, name: String?
        var numbers: [String: Int64] = [:]
        while let byte = rest.popFirst() {
            switch byte {
            case UInt8(ascii: "["), UInt8(ascii: "{"): depth += 1
            case UInt8(ascii: "]"), UInt8(ascii: "}"):
                depth -= 1
                if depth == 1, kind == "range", let name, let start = numbers["start"], let step = numbers["step"] {
                    return Range(name: name, start: start, step: step)
                }
                if depth == 0 { return nil }
            case UInt8(ascii: "\""):
                guard let text = string(&rest) else { return nil }
                switch key {
                case nil: key = text
                case "kind": kind = text
                case "name": name = text
                default: break
                }
            case UInt8(ascii: ","): key = nil
            case UInt8(ascii: "-"), UInt8(ascii: "0")...UInt8(ascii: "9"):
                var digits = [byte]
                while let next = rest.first, (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(next) { digits.append(rest.removeFirst()) }
                if let key { numbers[key] = Int64(String(decoding: digits, as: UTF8.self)) }
            default: break
            }
        }
        return nil
    }

    /// Returns metadata that tell of the same index and of nothing else, without the columns in `hidden`.
    static func metadata(of metadata: [String: String], without hidden: NameSet) -> [(key: String, value: String)] {
        func json(_ name: String) -> String { String(decoding: (try? JSONEncoder().encode(name)) ?? Data("\"\"".utf8), as: UTF8.self) }
        var index = columns(metadata).filter { !hidden.contains($0) }.sorted().map(json)
        if let range = range(metadata), !hidden.contains(range.name) {
            index.append("{\"kind\": \"range\", \"name\": \(json(range.name)), \"start\": \(range.start), \"step\": \(range.step)}")
        }
        return index.isEmpty ? [] : [("pandas", "{\"index_columns\": [\(index.joined(separator: ", "))]}")]
    }

    /// Returns the part of the metadata that begins with the array of the index columns.
    private static func indexColumns(_ metadata: [String: String]) -> Substring.UTF8View? {
        guard let text = metadata["pandas"]?.utf8, let start = text.firstRange(of: "\"index_columns\":".utf8)?.upperBound else {
            return nil
        }
        return text[start...]
    }

    /// Returns the JSON string whose opening quote was passed.
    private static func string(_ rest: inout Substring.UTF8View) -> String? {
        var units: [UInt16] = []
        var bytes: [UInt8] = []
        var text = ""
        func flush() {
            text += String(decoding: bytes, as: UTF8.self) + String(decoding: units, as: UTF16.self)
            bytes.removeAll()
            units.removeAll()
        }
        while let byte = rest.popFirst() {
            if byte == UInt8(ascii: "\"") {
                flush()
                return text
            }
            guard byte == UInt8(ascii: "\\") else {
                if !units.isEmpty { flush() }
                bytes.append(byte)
                continue
            }
            guard let escaped = rest.popFirst() else { return nil }
            if escaped == UInt8(ascii: "u") {
                guard let unit = UInt16(String(Substring(rest.prefix(4))), radix: 16) else { return nil }
                rest = rest.dropFirst(4)
                if !bytes.isEmpty { flush() }
                units.append(unit)
                continue
            }
            if !units.isEmpty { flush() }
            let plain: [UInt8: UInt8] = [
                UInt8(ascii: "n"): 10, UInt8(ascii: "t"): 9, UInt8(ascii: "r"): 13, UInt8(ascii: "b"): 8, UInt8(ascii: "f"): 12,
            ]
            bytes.append(plain[escaped] ?? escaped)
        }
        return nil
    }
}
