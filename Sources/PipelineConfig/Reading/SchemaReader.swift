import Names
internal import Reasons

/// Reads `schema`.
struct SchemaReader {
    private let top: Section

    init(_ top: Section) { self.top = top }

    func schema() -> Schema {
        let keys = ["key", "label", "missing_label", "weight", "classes", "inputs", "missing", "keep", "types", "dialect"]
        guard let section = top.section("schema", keys: keys) else { return Schema() }
        let key = section.names("key") ?? []
        let label = section.node("label").flatMap { columns($0, section.path(of: "label"), section.reading) }
        let missingLabel = section.choice("missing_label", of: MissingLabel.self)
        if missingLabel != nil, !section.has("label") {
            section.refuse(.badValue, "missing_label", "no label is named", "name it, like label: outcome, or remove `missing_label`")
        }
        let weight = section.text("weight")
        if weight?.isEmpty == true { section.refuse(.badValue, "weight", "an empty name", "name the column") }
        let classes = section.names("classes")
        if classes?.isEmpty == true {
            section.refuse(.badValue, "classes", "an empty list names no class", "name them, or leave `classes` out")
        }
        let inputs = (section.namedValues("inputs", what: "model inputs with their columns, like pixels: \"pixel_*\"") ?? [])
            .compactMap { input($0, section) }
        PaddingReader.check(inputs, section)
        checkNoFeatures(label.map(\.names) ?? [], "label", inputs, section)
        checkNoFeatures(weight.map { [$0] } ?? [], "weight", inputs, section)
        if let weight, label?.names.containsName(weight) == true {
            section.refuse(.badValue, "weight", "\"\(weight.clipped)\" is the label", "name another column")
        }
        return Schema(
            key: key, label: label, missingLabel: missingLabel ?? .skip, weight: weight, classes: classes, inputs: inputs,
            keep: section.names("keep") ?? key, types: types(section), dialect: dialect(section), missing: missing(section))
    }

    private func checkNoFeatures(_ names: [String], _ key: String, _ inputs: [InputSchema], _ section: Section) {
        for input in inputs {
            guard case .list(let columns) = input.columns ?? .list([]) else { continue }
            for name in names where columns.containsName(name) {
                section.refuse(
                    .badValue, key, "the \(key) \"\(name.clipped)\" is also a column of the input \"\(input.name.clipped)\"",
                    "take it from the input's columns")
            }
        }
    }

    private func types(_ schema: Section) -> [String: ColumnType] {
        var types: [String: ColumnType] = [:]
        for entry in schema.namedValues("types", what: "columns with their types, like zip: string") ?? [] {
            types[entry.key] = schema.reading.choice(entry.value, schema.path(of: "types." + entry.key), of: ColumnType.self)
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
        let keys = ["columns", "scale", "missing", "booleans", "times"] + PaddingReader.keys
        guard let section = Section(entry.value, path, keys: keys + ["value", "batch_axis"], in: schema.reading) else { return nil }
        let padding = PaddingReader(section, input: entry.key)
        return InputSchema(
            name: entry.key, columns: section.node("columns").flatMap { columns($0, section.path(of: "columns"), schema.reading) },
            scale: scale(section), missing: missing(section), pad: padding.pad, mask: padding.mask, length: padding.length,
            booleans: booleans(section),
            times: section.node("times").flatMap { schema.reading.choice($0, section.path(of: "times"), of: TimeSpelling.self) },
            value: section.inputValue("value", without: keys), batchAxis: section.batchAxis)
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

    // MARK: CSV

    private func dialect(_ schema: Section) -> Dialect {
        let keys = ["delimiter", "quote", "escape", "encoding", "header", "null_words", "decimal"]
        guard let section = schema.section("dialect", keys: keys) else {
            return Dialect()
        }
        // `{ decimal: , }` is a null to YAML.
        for key in ["delimiter", "quote", "escape", "decimal"] where section.isNull(key) {
            section.refuse(.badValue, key, "no character is given", "put it in quotes, like \",\"")
        }
        let delimiter = byte(section, "delimiter", words: ["tab": UInt8(ascii: "\t")]) ?? UInt8(ascii: ",")
        var quote: UInt8? = UInt8(ascii: "\"")
        if let node = section.node("quote") {
            quote = if case .scalar("none", isPlain: true) = node.content { nil } else { byte(section, "quote", words: [:]) ?? quote }
        }
        let decimal = byte(section, "decimal", words: [:]) ?? UInt8(ascii: ".")
        if decimal != UInt8(ascii: "."), decimal != UInt8(ascii: ",") {
            section.refuse(.badValue, "decimal", "a decimal sign is `.` or `,`", "write one of them in quotes")
        }
        if delimiter == decimal {
            section.refuse(
                .badValue, "decimal", "the decimal sign is also the delimiter", "set `delimiter` to another character, like \";\"")
        }
        if delimiter == quote {
            section.refuse(.badValue, "quote", "the quote is also the delimiter", "set one of them to another character")
        }
        let escape = byte(section, "escape", words: [:])
        if let escape, escape == delimiter {
            section.refuse(.badValue, "escape", "the escape is also the delimiter", "set one of them to another character")
        }
        return Dialect(
            delimiter: delimiter, quote: quote, escape: escape == quote ? nil : escape,
            encoding: section.choice("encoding", of: Dialect.Encoding.self) ?? .utf8,
            header: header(section), nullWords: section.texts("null_words") ?? Dialect.defaultNullWords,
            decimal: decimal)
    }

    private func byte(_ section: Section, _ key: String, words: [String: UInt8]) -> UInt8? {
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

    private func header(_ section: Section) -> Dialect.Header {
        guard let node = section.node("header") else { return .likely }
        if case .sequence(let items) = node.content {
            if items.isEmpty { section.refuse(.badValue, "header", "an empty list names no column", "write true, false, or the names") }
            return .absent(names: section.names("header"))
        }
        return section.boolean("header") ?? true ? .present : .absent(names: nil)
    }
}
