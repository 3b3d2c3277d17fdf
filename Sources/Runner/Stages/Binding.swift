import Columnar
import Engine
import Names
import PipelineConfig
import Reasons
import Tensors

// What the pipeline says, in the words of the modules that do it.

extension Schema {
    /// Returns the rules of the inputs that columns fill.
    func inputRules(for admission: Admission, _ facts: ModelFacts) -> NameMap<InputRule> {
        var rules: NameMap<InputRule> = [:]
        for input in admission.inputs {
            let name = input.port.name, type = input.port.elementType
            rules[name] = inputRule(
                name, isFloat: type.isFloatingPoint, isText: type == .string, isNaNByDefault: facts.nanInputs.contains(name))
        }
        return rules
    }

    /// - Parameter isNaNByDefault: whether a missing value is a NaN where the pipeline does not say what it is.
    func inputRule(_ name: String, isFloat: Bool, isText: Bool, isNaNByDefault: Bool) -> InputRule {
        let input = self[input: name]
        var rule = InputRule(columns: input?.columns.map(InputRule.Columns.init), scale: input?.scale)
        let forAll = missing.flatMap { $0.fits(isFloat: isFloat, isText: isText) ? $0 : nil }
        rule.missing = (input?.missing ?? forAll).map(InputRule.Missing.init) ?? (isNaNByDefault ? .nan : .error)
        switch input?.booleans {
        case .words(let no, let yes): rule.booleans = .words(no: no, yes: yes)
        case .text: rule.booleans = .text
        case nil: break
        }
        switch input?.pad {
        case .integer(let value): rule.pad = .integer(value)
        case .number(let value): rule.pad = .number(value)
        case .text(let text): rule.pad = .text(text)
        case nil: break
        }
        rule.mask = input?.mask
        rule.length = input?.length
        rule.times = (input?.times).flatMap { TimeText(rawValue: $0.rawValue) }
        return rule
    }

    var tableRule: TableSchemaRule {
        // Labels and weights may stand in data too; a single name is looked up, several may be patterns.
        let learnt = label?.names ?? []
        return TableSchemaRule(
            key: key, label: learnt.count == 1 ? learnt[0] : nil, others: learnt + (weight.map { [$0] } ?? []), keep: keep,
            types: NameMap(types.map { ($0.key, $0.value.rawValue) }, uniquingKeysWith: { $1 }))
    }

    var textDialect: TextDialect {
        var text = TextDialect()
        if dialect.delimiter != Dialect().delimiter { text.delimiter = dialect.delimiter }
        text.quote = dialect.quote
        text.escape = dialect.escape
        text.encoding = TextDialect.Encoding(rawValue: dialect.encoding.rawValue) ?? .utf8
        switch dialect.header {
        case .likely: break
        case .present: text.isHeaderSure = true
        case .absent(let names):
            text.hasHeader = false
            text.columnNames = names
        }
        text.nullWords = dialect.nullWords
        text.decimalPoint = dialect.decimal
        return text
    }
}

extension Missing {
    /// Returns whether a value that the pipeline gives for all inputs can be used for an input of this kind.
    fileprivate func fits(isFloat: Bool, isText: Bool) -> Bool {
        switch self {
        case .error: true
        case .nan: isFloat
        case .integer, .number: !isText
        case .text: isText
        }
    }
}

extension InputRule.Missing {
    init(_ missing: Missing) {
        switch missing {
        case .error: self = .error
        case .nan: self = .nan
        case .integer(let value): self = .value(Double(value))
        case .number(let value): self = .value(value)
        case .text(let text): self = .text(text)
        }
    }
}

extension InputRule.Columns {
    init(_ columns: ColumnSelector) {
        switch columns {
        case .pattern(let pattern): self = .pattern(pattern)
        case .list(let names): self = .list(names)
        }
    }
}

extension ForwardStage {
    var outputColumns: [OutputRule]? {
        outputs?.map { mapping in
            OutputRule(
                output: mapping.output, columns: mapping.columns,
                hasOwnName: mapping.columns == nil && mapping.classColumn == nil && mapping.argmaxColumn == nil,
                classColumn: mapping.classColumn, argmaxColumn: mapping.argmaxColumn)
        }
    }

    var wantedRows: Int? {
        if case .rows(let rows) = batchSize { rows } else { nil }
    }
}
