internal import Crypto
internal import Foundation

/// The digest of what a pipeline does to bytes. Two files with one revision give the same outputs for the same arrivals and model.
package struct Revision: Sendable, Hashable, Codable, CustomStringConvertible {
    /// SHA-256 in lower-case hexadecimal.
    package let full: String

    package init(full: String) { self.full = full }

    /// Enough to tell revisions of one pipeline apart by eye.
    package var short: String { String(full.prefix(12)) }
    package var description: String { short }

    package init(from decoder: any Decoder) throws { full = try decoder.singleValueContainer().decode(String.self) }

    package func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(full)
    }
}

extension Revision {
    fileprivate init(of form: String) {
        self.init(full: SHA256.hash(data: Data(form.utf8)).map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined())
    }
}

extension Pipeline {
    /// Of `schema`, `stages`, and the `land` keys that change bytes.
    package var revision: Revision { Revision(of: canonicalForm(version: CanonicalForm.version)) }

    /// The revision that this file had while the form was version 1, under which a ledger may know it. A file with keys that version 1 did
    /// not have gets a digest that is in no ledger.
    package var formerRevision: Revision { Revision(of: canonicalForm(version: 1)) }

    /// One line for each fact that is not the default, mappings without order sorted by key. A key that a later version adds changes no
    /// revision as long as it is left at its default.
    func canonicalForm(version: Int) -> String {
        var form = CanonicalForm(version: version)
        form.add("schema.key", schema.key)
        form.add("schema.label", schema.label)
        if schema.missingLabel != .skip { form.add("schema.missing_label", [schema.missingLabel.rawValue]) }
        form.add("schema.weight", schema.weight.map { [$0] } ?? [])
        form.add("schema.classes", schema.classes ?? [])
        for input in schema.inputs.sorted(by: { $0.name < $1.name }) { form.add(input) }
        form.add("schema.missing", schema.missing)
        if schema.keep != schema.key { form.add("schema.keep", [String(schema.keep.count)] + schema.keep) }
        for (column, type) in schema.types.sorted(by: { $0.key < $1.key }) { form.add("schema.types", [column, type.rawValue]) }
        form.add(schema.dialect)
        for stage in stages { form.add(stage) }
        if let outputs = land.outputs {
            if outputs.format != .parquet { form.add("land.outputs.format", [outputs.format.rawValue]) }
            form.add("land.outputs.partition_by", outputs.partitionBy.map(\.rawValue))
        }
        return form.text
    }
}

/// Lines of a key and its values, each value with its length before it, so that no two forms share a text.
struct CanonicalForm {
    /// The version is raised when an unchanged file gets another meaning. In version 2, missing values, numbers, headers and labels have
    /// one meaning in every format. The lines are those of version 1.
    static let version = 2

    private(set) var text: String

    init(version: Int) { text = "millrace revision \(version)\n" }

    mutating func add(_ key: String, _ values: [String]) {
        if values.isEmpty { return }
        text += key + values.map { " \($0.utf8.count):\($0)" }.joined() + "\n"
    }

    /// A single name is what it always was, so that ledgers of old know it.
    mutating func add(_ key: String, _ columns: ColumnSelector?) {
        switch columns {
        case .list(let names) where names.count == 1: add(key, names)
        case .list(let names): add(key, ["list"] + names)
        case .pattern(let pattern): add(key, ["pattern", pattern])
        case nil: break
        }
    }

    mutating func add(_ input: InputSchema) {
        switch input.columns {
        case .pattern(let pattern): add("schema.inputs.columns", [input.name, "pattern", pattern])
        case .list(let columns): add("schema.inputs.columns", [input.name, "list"] + columns)
        case nil: break
        }
        if let scale = input.scale, scale != 1 { add("schema.inputs.scale", [input.name, scale.description]) }
        add("schema.inputs.missing", input.missing, of: [input.name])
        switch input.booleans {
        case .words(let no, let yes): add("schema.inputs.booleans", [input.name, "words", no, yes])
        case .text: add("schema.inputs.booleans", [input.name, "text"])
        case nil: break
        }
        if let times = input.times { add("schema.inputs.times", [input.name, times.rawValue]) }
        add("schema.inputs.pad", input.pad.map(Missing.init), of: [input.name])
        add("schema.inputs.mask", input.mask.map { [input.name, $0] } ?? [])
        add("schema.inputs.length", input.length.map { [input.name, $0.description] } ?? [])
        if let value = input.value { add("schema.inputs.value", [input.name] + value.flatMap { [$0.isText ? "text" : "plain", $0.text] }) }
        if let axis = input.batchAxis, axis != 0 { add("schema.inputs.batch_axis", [input.name, String(axis)]) }
    }

    mutating func add(_ key: String, _ missing: Missing?, of input: [String] = []) {
        switch missing {
        case .error: add(key, input + ["error"])
        case .nan: add(key, input + ["nan"])
        case .integer(let value): add(key, input + ["integer", value.description])
        case .number(let value): add(key, input + ["number", value.description])
        case .text(let value): add(key, input + ["text", value])
        case nil: break
        }
    }

    mutating func add(_ dialect: Dialect) {
        let standard = Dialect()
        if dialect.delimiter != standard.delimiter { add("schema.dialect.delimiter", [String(dialect.delimiter)]) }
        if dialect.quote != standard.quote { add("schema.dialect.quote", [dialect.quote.map { String($0) } ?? "none"]) }
        if let escape = dialect.escape { add("schema.dialect.escape", [String(escape)]) }
        if dialect.encoding != standard.encoding { add("schema.dialect.encoding", [dialect.encoding.rawValue]) }
        switch dialect.header {
        // What is read is the same; the one only takes files that the other refuses.
        case .likely, .present: break
        case .absent(names: nil): add("schema.dialect.header", ["absent"])
        case .absent(let names?): add("schema.dialect.header", ["names"] + names)
        }
        // Which words mean nothing has no order.
        let words = Set(dialect.nullWords)
        if words != Set(standard.nullWords) { add("schema.dialect.null_words", [String(words.count)] + words.sorted()) }
        if dialect.decimal != standard.decimal { add("schema.dialect.decimal", [String(dialect.decimal)]) }
    }

    mutating func add(_ stage: Stage) {
        switch stage {
        case .deserialize: add("stage", ["deserialize"])
        case .optimize(let optimize): add(optimize)
        case .forward(let forward):
            add("stage", ["forward"])
            if case .rows(let rows) = forward.batchSize { add("forward.batch_size", [String(rows)]) }
            add("forward.threads", forward.threads.map { [String($0)] } ?? [])
            for mapping in forward.outputs ?? [] {
                add("forward.outputs", [mapping.output])
                add("forward.outputs.columns", mapping.columns.map { [$0] } ?? [])
                add("forward.outputs.class", mapping.classColumn.map { [$0] } ?? [])
                add("forward.outputs.argmax", mapping.argmaxColumn.map { [$0] } ?? [])
                if let axis = mapping.batchAxis, axis != 0 { add("forward.outputs.batch_axis", [String(axis)]) }
            }
        }
    }
}

extension Missing {
    /// The value that fills up rows, which a revision writes like a value for missing values.
    fileprivate init(_ pad: Pad) {
        self =
            switch pad {
            case .integer(let value): .integer(value)
            case .number(let value): .number(value)
            case .text(let value): .text(value)
            }
    }
}
