import Recipes

// These functions write the lines of a schema. The names of the keys and their order are those of `RowSchema.Key`, `InputSchema.Key` and
// `TextDialect.Key`.

extension CanonicalForm {
    mutating func add(_ key: RowSchema.Key, of schema: RowSchema) {
        let name = "schema." + key.rawValue
        switch key {
        case .key: add(name, schema.key)
        case .label: add(name, schema.label)
        case .missingLabel: if schema.missingLabel != .skip { add(name, [schema.missingLabel.rawValue]) }
        case .weight: add(name, schema.weight.map { [$0] } ?? [])
        case .classes: add(name, schema.classes ?? [])
        case .inputs:
            for input in schema.inputs.sorted(by: { $0.name < $1.name }) {
                for key in InputSchema.Key.allCases { add(key, of: input) }
            }
        case .missing: add(name, schema.missing)
        case .keep: if schema.keep != schema.key { add(name, [String(schema.keep.count)] + schema.keep) }
        case .types: for (column, type) in schema.types.sorted(by: { $0.key < $1.key }) { add(name, [column, type.rawValue]) }
        case .dialect: for key in TextDialect.Key.allCases { add(key, of: schema.dialect) }
        }
    }

    private mutating func add(_ key: InputSchema.Key, of input: InputSchema) {
        let name = "schema.inputs." + key.rawValue
        switch key {
        case .columns:
            switch input.columns {
            case .pattern(let pattern): add(name, [input.name, "pattern", pattern])
            case .list(let columns): add(name, [input.name, "list"] + columns)
            case nil: break
            }
        case .scale: if let scale = input.scale, scale != 1 { add(name, [input.name, scale.description]) }
        case .missing: add(name, input.missing, of: [input.name])
        case .booleans:
            switch input.booleans {
            case .words(let no, let yes): add(name, [input.name, "words", no, yes])
            case .text: add(name, [input.name, "text"])
            case nil: break
            }
        case .times: if let times = input.times { add(name, [input.name, times.rawValue]) }
        case .pad: add(name, input.pad.map(Missing.init), of: [input.name])
        case .mask: add(name, input.mask.map { [input.name, $0] } ?? [])
        case .length: add(name, input.length.map { [input.name, $0.description] } ?? [])
        case .value:
            if let value = input.value { add(name, [input.name] + value.flatMap { [$0.isText ? "text" : "plain", $0.text] }) }
        case .batchAxis: if let axis = input.batchAxis, axis != 0 { add(name, [input.name, String(axis)]) }
        }
    }

    private mutating func add(_ key: TextDialect.Key, of dialect: TextDialect) {
        let name = "schema.dialect." + key.rawValue, standard = TextDialect()
        switch key {
        case .delimiter: if dialect.delimiter != standard.delimiter { add(name, [String(dialect.delimiter)]) }
        case .quote: if dialect.quote != standard.quote { add(name, [dialect.quote.map { String($0) } ?? "none"]) }
        case .escape: if let escape = dialect.escape { add(name, [String(escape)]) }
        case .encoding: if dialect.encoding != standard.encoding { add(name, [dialect.encoding.rawValue]) }
        case .header:
            switch dialect.header {
            // Both read the same values; one of them only takes files that the other refuses.
            case .likely, .present: break
            case .absent(names: nil): add(name, ["absent"])
            case .absent(let names?): add(name, ["names"] + names)
            }
        case .nullWords:
            // The words are sorted, because their order has no meaning.
            let words = Set(dialect.nullWords ?? [])
            if words != Set(standard.nullWords ?? []) { add(name, [String(words.count)] + words.sorted()) }
        case .decimal: if dialect.decimal != standard.decimal { add(name, [String(dialect.decimal)]) }
        }
    }

    /// Adds the columns. A single name is written without a list, as in all ledgers since the first release.
    private mutating func add(_ key: String, _ columns: ColumnSelector?) {
        switch columns {
        case .list(let names) where names.count == 1: add(key, names)
        case .list(let names): add(key, ["list"] + names)
        case .pattern(let pattern): add(key, ["pattern", pattern])
        case nil: break
        }
    }

    private mutating func add(_ key: String, _ missing: Missing?, of input: [String] = []) {
        switch missing {
        case .error: add(key, input + ["error"])
        case .nan: add(key, input + ["nan"])
        case .integer(let value): add(key, input + ["integer", value.description])
        case .number(let value): add(key, input + ["number", value.description])
        case .text(let value): add(key, input + ["text", value])
        case nil: break
        }
    }
}

extension Missing {
    /// Makes the value that fills up rows, which a revision writes like a value for missing values.
    fileprivate init(_ pad: Pad) {
        self =
            switch pad {
            case .integer(let value): .integer(value)
            case .number(let value): .number(value)
            case .text(let value): .text(value)
            }
    }
}
