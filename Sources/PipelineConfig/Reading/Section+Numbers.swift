internal import Reasons
internal import Recipes

extension Section {
    func number(_ key: String, _ range: NumberRange, like example: String) -> Double? {
        node(key).flatMap { number($0, key, range, like: example) }
    }

    private func number(_ node: Node, _ key: String, _ range: NumberRange, like example: String) -> Double? {
        guard case .scalar(let text, isPlain: let isPlain) = node.content, isPlain, let value = Double(text) else {
            refuse(.wrongType, key, "\(node.kind) is not a number", "write one without quotes, like \(example)")
            return nil
        }
        guard value.isFinite, range.contains(value) else {
            refuse(.badValue, key, "\(text) is out of range", "write \(range.text), like \(example)")
            return nil
        }
        return value
    }

    /// Returns a list of numbers that each lie in `range`; where the list may have any length, a single number is a list of one.
    func numbers(_ key: String, _ range: NumberRange, count: Int? = nil, like example: String) -> [Double]? {
        guard let node = node(key) else { return nil }
        if count == nil, case .scalar = node.content { return number(node, key, range, like: example).map { [$0] } }
        guard case .sequence(let items) = node.content else {
            refuse(.wrongType, key, "\(node.kind) stands where a list of numbers belongs", "write one, like \(example)")
            return nil
        }
        if let count, items.count != count {
            refuse(.badValue, key, "a list of \(items.count) stands where one of \(count) belongs", "write one, like \(example)")
            return nil
        }
        var numbers: [Double] = []
        for item in items {
            guard let number = number(item, key, range, like: example) else { return nil }
            numbers.append(number)
        }
        return numbers
    }

    /// Reads `word`, or `word: { options }`, with the words of `Choice`. Returns the choice, and its options where they are given.
    func variant<Choice: CaseIterable & RawRepresentable<String>>(
        _ key: String, of type: Choice.Type, like example: String
    ) -> (choice: Choice, path: String, options: Node?)? {
        guard let node = node(key) else { return nil }
        let path = path(of: key)
        switch node.content {
        case .scalar: return reading.choice(node, path, of: type).map { ($0, path, nil) }
        case .mapping(let entries) where entries.count == 1:
            let entry = entries[0]
            let word = Node(position: entry.position, content: .scalar(entry.key, isPlain: true))
            guard let choice = reading.choice(word, path, of: type) else { return nil }
            reading.note(entry, at: path + "." + entry.key)
            return (choice, path + "." + entry.key, entry.value.isNull ? nil : entry.value)
        case .mapping(let entries) where entries.count > 1:
            reading.problems.add(
                .wrongType, entries[1].position, path, "one is wanted, and there are \(entries.map(\.key).joined(separator: ", "))",
                "write its options below it, like \(example)")
        case .mapping, .sequence:
            refuse(.wrongType, key, "\(node.kind) stands where one word belongs", "write one, like \(example)")
        }
        return nil
    }
}
