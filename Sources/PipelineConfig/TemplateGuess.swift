/// What a model's ports and a data file's header say of how they belong together.
struct TemplateGuess {
    enum Binding: Equatable {
        case byName
        case pattern(String)
        case columns([String])
        case allNumeric
        /// The same in every row: no column can fill it.
        case value
        /// Left to the reader of the template.
        case open
    }

    private static let keyNames = ["id", "key", "uuid", "guid", "row_id", "rowid", "index"]
    private static let labelNames = ["label", "target", "class", "y", "outcome"]

    let key: String?
    let label: String?
    /// One for each input, in order.
    let bindings: [Binding]
    let outputs: [(port: ModelPort, column: String)]

    init(inputs: [ModelPort], outputs: [ModelPort], columns: [DataColumn]) {
        let inputNames = Set(inputs.map(\.name))
        let free = columns.filter { !inputNames.contains($0.name) && !$0.name.isEmpty }
        let key = free.first { Self.keyNames.contains($0.name.lowercased()) || $0.name.lowercased().hasSuffix("_id") }?.name
        let label = free.first { Self.labelNames.contains($0.name.lowercased()) }?.name
        let numeric = free.filter { $0.isNumeric && $0.name != key && $0.name != label }.map(\.name)
        let names = Set(columns.map(\.name))
        bindings = inputs.map { input in
            names.contains(input.name) && !input.dimensions.isEmpty
                ? .byName : Self.bind(input, alone: inputs.count == 1, numeric: numeric, all: names)
        }
        self.key = key
        self.label = label
        self.outputs = Self.columns(for: outputs, taken: key.map { [$0] } ?? [])
    }

    private static func bind(_ input: ModelPort, alone: Bool, numeric: [String], all: Set<String>) -> Binding {
        if input.dimensions.isEmpty, !input.elementType.contains("(") { return .value }
        // Columns numbered under one prefix, where no other column has it.
        let groups = Dictionary(grouping: numeric.filter { $0.last?.isNumber == true }) { name in
            String(name.reversed().drop { $0.isNumber }.reversed())
        }
        let fitting = groups.filter { prefix, members in
            !prefix.isEmpty && !prefix.contains { "*?[]".contains($0) } && members.count > 1
                && members.count == input.width ?? members.count && all.count { $0.hasPrefix(prefix) } == members.count
        }
        if fitting.count == 1, let prefix = fitting.keys.first { return .pattern(prefix + "*") }
        if alone, !numeric.isEmpty, input.width == nil || input.width == numeric.count { return .allNumeric }
        if !alone, input.width == numeric.count, !numeric.isEmpty { return .columns(numeric) }
        return .open
    }

    private static func columns(for outputs: [ModelPort], taken: Set<String>) -> [(port: ModelPort, column: String)] {
        var taken = taken
        return outputs.map { port in
            let safe = String(port.name.map { $0.isASCII && ($0.isLetter || $0.isNumber) || $0 == "_" ? $0 : "_" })
            let stem = safe.allSatisfy { $0 == "_" } ? "output" : safe
            let suffix = port.width == 1 ? "" : "_*"
            var column = stem + suffix
            var number = 2
            while !taken.insert(column).inserted {
                column = "\(stem)_\(number)\(suffix)"
                number += 1
            }
            return (port, column)
        }
    }
}
