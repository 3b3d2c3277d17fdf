import Names
internal import Reasons
internal import Recipes

/// Reads `schema`.
struct SchemaReader {
    private let top: Section

    init(_ top: Section) { self.top = top }

    func schema() -> RowSchema {
        var schema = RowSchema()
        guard let section = top.section("schema", keys: RowSchema.Key.allCases.map(\.rawValue)) else { return schema }
        for key in RowSchema.Key.allCases { read(key, of: section, into: &schema) }
        if !section.has(RowSchema.Key.keep.rawValue) { schema.keep = schema.key }
        PaddingReader.check(schema.inputs, section)
        checkNoFeatures(schema.label?.names ?? [], .label, schema.inputs, section)
        checkNoFeatures(schema.weight.map { [$0] } ?? [], .weight, schema.inputs, section)
        if let weight = schema.weight, schema.label?.names.containsName(weight) == true {
            section.refuse(.badValue, RowSchema.Key.weight.rawValue, "\"\(weight.clipped)\" is the label", "name another column")
        }
        return schema
    }

    private func read(_ key: RowSchema.Key, of section: Section, into schema: inout RowSchema) {
        let name = key.rawValue
        switch key {
        case .key: schema.key = section.names(name) ?? []
        case .label: schema.label = section.node(name).flatMap { columns($0, section.path(of: name), section.reading) }
        case .missingLabel:
            schema.missingLabel = section.choice(name, of: MissingLabel.self) ?? .skip
            if section.has(name), !section.has(RowSchema.Key.label.rawValue) {
                section.refuse(.badValue, name, "no label is named", "name it, like label: outcome, or remove `\(name)`")
            }
        case .weight:
            schema.weight = section.text(name)
            if schema.weight?.isEmpty == true { section.refuse(.badValue, name, "an empty name", "name the column") }
        case .classes:
            schema.classes = section.names(name)
            if schema.classes?.isEmpty == true {
                section.refuse(.badValue, name, "an empty list names no class", "name them, or leave `\(name)` out")
            }
        case .inputs:
            schema.inputs = (section.namedValues(name, what: "model inputs with their columns, like pixels: \"pixel_*\"") ?? [])
                .compactMap { input($0, section) }
        case .missing: schema.missing = missing(section)
        case .keep: schema.keep = section.names(name) ?? schema.key
        case .types: schema.types = types(section)
        case .dialect: schema.dialect = DialectReader(section).dialect()
        }
    }

    private func checkNoFeatures(_ names: [String], _ key: RowSchema.Key, _ inputs: [InputSchema], _ section: Section) {
        for input in inputs {
            guard case .list(let columns) = input.columns ?? .list([]) else { continue }
            for name in names where columns.containsName(name) {
                section.refuse(
                    .badValue, key.rawValue,
                    "the \(key.rawValue) \"\(name.clipped)\" is also a column of the input \"\(input.name.clipped)\"",
                    "take it from the input's columns")
            }
        }
    }

    private func types(_ schema: Section) -> [String: StatedType] {
        var types: [String: StatedType] = [:]
        for entry in schema.namedValues("types", what: "columns with their types, like zip: string") ?? [] {
            types[entry.key] = schema.reading.choice(entry.value, schema.path(of: "types." + entry.key), of: StatedType.self)
        }
        return types
    }

    // MARK: Inputs

    private func input(_ entry: Node.Entry, _ schema: Section) -> InputSchema? {
        let path = schema.path(of: "inputs." + entry.key)
        schema.reading.note(entry, at: path)
        if entry.value.isNull { return InputSchema(name: entry.key) }
        guard case .mapping = entry.value.content else {
            return columns(entry.value, path, schema.reading).map { InputSchema(name: entry.key, columns: $0) }
        }
        guard let section = Section(entry.value, path, keys: InputSchema.Key.allCases.map(\.rawValue), in: schema.reading) else {
            return nil
        }
        var input = InputSchema(name: entry.key)
        for key in InputSchema.Key.allCases { read(key, of: section, into: &input) }
        return input
    }

    private func read(_ key: InputSchema.Key, of section: Section, into input: inout InputSchema) {
        let name = key.rawValue
        switch key {
        case .columns: input.columns = section.node(name).flatMap { columns($0, section.path(of: name), section.reading) }
        case .scale: input.scale = scale(section)
        case .missing: input.missing = missing(section)
        case .booleans: input.booleans = booleans(section)
        case .times: input.times = section.choice(name, of: TimeSpelling.self)
        case .pad: input.pad = PaddingReader.pad(section)
        case .mask: input.mask = PaddingReader.mask(section, of: input.name)
        case .length: input.length = PaddingReader.length(section)
        case .value: input.value = section.inputValue(name, without: InputSchema.Key.allCases.filter(\.isOfColumns).map(\.rawValue))
        case .batchAxis: input.batchAxis = section.batchAxis
        }
    }

    private func columns(_ node: Node, _ path: String, _ reading: ReadingContext) -> ColumnSelector? {
        guard let texts = reading.texts(node, path) else { return nil }
        if texts.isEmpty || texts.contains("") {
            reading.problems.add(
                .badValue, node.position, path, "no column is named",
                "name at least one, or leave `\(path.hasSuffix(".label") ? "label" : "columns")` out")
            return nil
        }
        if let twice = Dictionary(grouping: texts, by: Name.init).first(where: { $1.count > 1 })?.key.text {
            reading.problems.add(.badValue, node.position, path, "\"\(twice.clipped)\" stands twice", "remove one of them")
            return nil
        }
        if case .scalar = node.content, texts[0].contains(where: { "*?[".contains($0) }) { return .pattern(texts[0]) }
        return .list(texts)
    }

    private func scale(_ section: Section) -> Double? {
        guard let node = section.node("scale") else { return nil }
        guard case .scalar(let text, isPlain: true) = node.content, let scale = Double(text) else {
            section.refuse(.wrongType, "scale", "\(node.kind) is not a number", "write one without quotes, like 0.0625")
            return nil
        }
        if !scale.isFinite || scale == 0 {
            section.refuse(.badValue, "scale", "nothing can be scaled by \(text)", "write a finite number other than 0")
            return nil
        }
        return scale
    }

    private func missing(_ section: Section) -> Missing? {
        guard let node = section.node("missing") else { return nil }
        switch node.content {
        case .scalar("error", isPlain: true): return .error
        case .scalar("nan", isPlain: true): return .nan
        case .scalar(let text, isPlain: false): return .text(text)
        case .scalar(let text, isPlain: true):
            if let integer = Int64(text) { return .integer(integer) }
            if let number = Double(text), number.isFinite { return .number(number) }
        case .sequence, .mapping: break
        }
        let nearest: String? =
            if case .scalar(let text, isPlain: _) = node.content { Spelling.nearest(to: text, in: ["error", "nan"]) } else { nil }
        section.refuse(
            .badValue, "missing", "\(node.kind) does not say what a missing value becomes",
            nearest.map { "did you mean `\($0)`?" } ?? "write error, nan, a number, or a text in quotes")
        return nil
    }

    private func booleans(_ section: Section) -> BooleanSpelling? {
        guard let node = section.node("booleans") else { return nil }
        if case .scalar("text", isPlain: _) = node.content { return .text }
        guard let words = section.reading.texts(node, section.path(of: "booleans")) else { return nil }
        guard words.count == 2, words[0] != words[1] else {
            section.refuse(
                .badValue, "booleans", "not two words, of false and of true",
                "write a list like [\"False\", \"True\"], or text to take what the file has")
            return nil
        }
        return .words(no: words[0], yes: words[1])
    }
}

extension InputSchema.Key {
    /// Tells whether the key says how columns fill an input, so that it cannot be given together with a value.
    fileprivate var isOfColumns: Bool {
        switch self {
        case .columns, .scale, .missing, .booleans, .times, .pad, .mask, .length: true
        case .value, .batchAxis: false
        }
    }
}
