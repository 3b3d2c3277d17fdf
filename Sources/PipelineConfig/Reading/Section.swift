import Names
internal import Reasons

/// Represents one mapping of the file while it is read. Unknown and not implemented keys are reported when it is opened, wrong values when
/// they are asked for; a getter gives nil both for a key that is absent (or null) and for one whose value was refused.
struct Section {
    let path: String
    let position: Position
    let reading: ReadingContext
    private let entries: [String: Node.Entry]
    /// The keys that unknown ones were taken for; they count as given.
    let mistyped: Set<String>
    /// Tells whether a key of this section was refused as unknown or not implemented.
    let hasRefusals: Bool

    /// Opens a mapping with the keys that it may have. Returns nil, with a problem, where `node` is no mapping.
    init?(_ node: Node, _ path: String, keys: [String], in reading: ReadingContext) {
        guard case .mapping(let entries) = node.content else {
            let remedy = keys.isEmpty ? "leave it empty, or write {}" : "give it keys: \(keys.joined(separator: ", "))"
            reading.problems.add(.wrongType, node.position, path, "\(node.kind) stands where a mapping belongs", remedy)
            return nil
        }
        self.path = path
        self.position = node.position
        self.reading = reading
        var known: [String: Node.Entry] = [:]
        var mistyped: Set<String> = []
        for entry in entries {
            let full = path.isEmpty ? entry.key : path + "." + entry.key
            if NotImplemented.contains(full, in: reading.file) {
                reading.problems.add(.notImplemented, entry.position, full, "not implemented in this version", "remove it")
            } else if keys.contains(entry.key) {
                known[entry.key] = entry
                reading.note(entry, at: full)
            } else {
                let elsewhere = path.isEmpty ? reading.file.place(of: entry.key) : nil
                let nearest =
                    elsewhere == nil ? Spelling.nearest(to: entry.key, in: keys + NotImplemented.keys(in: path, of: reading.file)) : nil
                if let nearest { mistyped.insert(nearest) }
                let remedy =
                    elsewhere ?? nearest.map { "did you mean `\($0)`?" }
                    ?? (keys.isEmpty ? "this takes no keys" : "the keys here are \(keys.joined(separator: ", "))")
                reading.problems.add(.unknownKey, entry.position, full, "there is no such key", remedy)
            }
        }
        self.entries = known
        self.mistyped = mistyped
        hasRefusals = known.count < entries.count
    }

    func path(of key: String) -> String { path.isEmpty ? key : path + "." + key }

    /// Returns the value, where the key is given and not null.
    func node(_ key: String) -> Node? {
        guard let value = entries[key]?.value, !value.isNull else { return nil }
        return value
    }

    func has(_ key: String) -> Bool { node(key) != nil }

    /// Returns whether the key is given and its value is null.
    func isNull(_ key: String) -> Bool { entries[key]?.value.isNull == true }

    func refuse(_ rule: Rule, _ key: String, _ fault: String, _ remedy: String) {
        reading.problems.add(rule, entries[key]?.value.position ?? position, path(of: key), fault, remedy)
    }

    /// Reports `key` as missing, at itself where it is null, else at the key `near` or at the section.
    func require(_ key: String, near: String? = nil, _ remedy: String) {
        if has(key) || mistyped.contains(key) { return }
        let entry = entries[key] ?? near.flatMap { entries[$0] }
        reading.problems.add(.missingKey, entry?.position ?? position, path(of: key), "missing", remedy)
    }

    func section(_ key: String, keys: [String]) -> Section? {
        node(key).flatMap { Section($0, path(of: key), keys: keys, in: reading) }
    }

    /// Returns the entries of a mapping whose keys are names, in file order.
    func namedValues(_ key: String, what: String) -> [Node.Entry]? {
        guard let node = node(key) else { return nil }
        guard case .mapping(let entries) = node.content else {
            refuse(.wrongType, key, "\(node.kind) stands where a mapping belongs", "write \(what)")
            return nil
        }
        return entries
    }

    // MARK: Scalars

    func text(_ key: String) -> String? {
        node(key).flatMap { reading.text($0, path(of: key)) }
    }

    func texts(_ key: String) -> [String]? {
        node(key).flatMap { reading.texts($0, path(of: key)) }
    }

    /// Returns `texts` that are names: none is empty, and none is given twice.
    func names(_ key: String) -> [String]? {
        guard let names = texts(key) else { return nil }
        var seen: NameSet = []
        for name in names {
            if name.isEmpty {
                refuse(.badValue, key, "an empty name", "remove it")
                return nil
            }
            if !seen.insert(name).inserted {
                refuse(.badValue, key, "\"\(name.clipped)\" stands twice", "remove one of them")
                return nil
            }
        }
        return names
    }

    func integer(_ key: String, in range: ClosedRange<Int>) -> Int? {
        guard let node = node(key) else { return nil }
        guard case .scalar(let text, isPlain: let isPlain) = node.content else {
            refuse(.wrongType, key, "\(node.kind) stands where a whole number belongs", "write one, like \(max(range.lowerBound, 1))")
            return nil
        }
        guard isPlain, let value = Int(text) else {
            let remedy = !isPlain && Int(text) != nil ? "write \(text) without quotes" : "write one, like \(max(range.lowerBound, 1))"
            refuse(.wrongType, key, "\(node.kind) is not a whole number", remedy)
            return nil
        }
        guard range.contains(value) else {
            refuse(.badValue, key, "\(value) is out of range", "write a number from \(range.lowerBound) to \(range.upperBound)")
            return nil
        }
        return value
    }

    func boolean(_ key: String) -> Bool? {
        guard let node = node(key) else { return nil }
        switch node.content {
        case .scalar("true", isPlain: true): return true
        case .scalar("false", isPlain: true): return false
        default:
            refuse(.wrongType, key, "\(node.kind) is neither true nor false", "write true or false, without quotes")
            return nil
        }
    }

    func choice<Choice: CaseIterable & RawRepresentable<String>>(_ key: String, of type: Choice.Type) -> Choice? {
        node(key).flatMap { reading.choice($0, path(of: key), of: type) }
    }

    /// Returns a list of words, each of them once; a single word is a list of one. The list is empty where the key is left out.
    func choices<Choice: CaseIterable & RawRepresentable<String> & Equatable>(_ key: String, of type: Choice.Type) -> [Choice] {
        guard let node = node(key) else { return [] }
        let items: [Node] = if case .sequence(let items) = node.content { items } else { [node] }
        var choices: [Choice] = []
        for (index, item) in items.enumerated() {
            guard let choice = reading.choice(item, path(of: "\(key)[\(index)]"), of: type) else { continue }
            if choices.contains(choice) { refuse(.badValue, key, "`\(choice.rawValue)` stands twice", "remove one of them") }
            choices.append(choice)
        }
        return choices
    }

    func duration(_ key: String, in range: ClosedRange<Duration>) -> Duration? {
        guard let node = node(key) else { return nil }
        guard case .scalar(let text, isPlain: _) = node.content, let value = Quantities.duration(text) else {
            let number: Bool = if case .scalar(let text, isPlain: _) = node.content { Double(text) != nil } else { false }
            refuse(
                .wrongType, key, number ? "\(node.kind) has no unit" : "\(node.kind) is not a duration",
                "write a number with ms, s, m, h or d, like 2s or 1h30m")
            return nil
        }
        guard range.contains(value) else {
            refuse(
                .badValue, key, "\(text) is out of range", "write at least \(range.lowerBound.text) and at most \(range.upperBound.text)")
            return nil
        }
        return value
    }

    /// Returns a number of bytes, which must be given with its unit.
    func byteCount(_ key: String, atLeast least: Int) -> Int? {
        guard let node = node(key) else { return nil }
        guard case .scalar(let text, isPlain: _) = node.content, let value = Quantities.byteCount(text) else {
            let number: Bool = if case .scalar(let text, isPlain: _) = node.content { Double(text) != nil } else { false }
            refuse(.wrongType, key, number ? "\(node.kind) has no unit" : "\(node.kind) is not a size", "write one, like 512MiB or 4GiB")
            return nil
        }
        guard value >= least else {
            refuse(.badValue, key, "\(text) is out of range", "write at least \(least >> 20)MiB")
            return nil
        }
        return value
    }

    /// Returns an absolute path; a relative one is taken from the root.
    func folder(_ key: String) -> String? {
        node(key).flatMap { reading.folder($0, path(of: key)) }
    }
}

extension Duration {
    /// The duration as text that ``Quantities`` reads.
    var text: String {
        var rest = components.seconds
        var result = ""
        for (unit, seconds) in [("d", 86_400), ("h", 3600), ("m", 60), ("s", 1)] as [(String, Int64)] where rest >= seconds {
            result += "\(rest / seconds)\(unit)"
            rest %= seconds
        }
        let milliseconds = components.attoseconds / 1_000_000_000_000_000
        if milliseconds > 0 || result.isEmpty { result += milliseconds > 0 ? "\(milliseconds)ms" : "0s" }
        return result
    }
}
