import Columnar
import Engine
import Names
import PipelineConfig
import Reasons
import Recipes
import Tensors

// These functions translate the settings of the pipeline for the modules that use them.

extension RowSchema {
    /// Returns the rules of the inputs that columns fill.
    func inputRules(for admission: Admission, _ facts: ModelFacts) -> NameMap<InputRule> {
        var rules: NameMap<InputRule> = [:]
        for input in admission.inputs {
            let name = input.modelInput.name, type = input.modelInput.elementType
            rules[name] = inputRule(
                name, isFloat: type.isFloatingPoint, isText: type == .string, isNaNByDefault: facts.nanInputs.contains(name))
        }
        return rules
    }

    /// - Parameter isNaNByDefault: whether a missing value is a NaN where the pipeline sets nothing for it.
    func inputRule(_ name: String, isFloat: Bool, isText: Bool, isNaNByDefault: Bool) -> InputRule {
        let input = self[input: name]
        let forAll = missing.flatMap { $0.fits(isFloat: isFloat, isText: isText) ? $0 : nil }
        return InputRule(
            columns: input?.columns, scale: input?.scale,
            missing: (input?.missing ?? forAll).map(InputRule.Missing.init) ?? (isNaNByDefault ? .nan : .error), pad: input?.pad,
            mask: input?.mask, length: input?.length, booleans: input?.booleans, times: input?.times)
    }

    var tableRule: TableSchemaRule {
        // Labels and weights may stand in data too; a single name is looked up, several may be patterns.
        let learnt = label?.names ?? []
        return TableSchemaRule(
            key: key, label: learnt.count == 1 ? learnt[0] : nil, others: learnt + (weight.map { [$0] } ?? []), keep: keep,
            types: typeNames, privacy: privacy)
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

extension ForwardStage {
    var outputColumns: [OutputRule]? {
        outputs?.map { mapping in
            OutputRule(
                output: mapping.output, columns: mapping.columns,
                hasOwnName: mapping.columns == nil && mapping.classColumn == nil && mapping.argmaxColumn == nil,
                classColumn: mapping.classColumn, argmaxColumn: mapping.argmaxColumn)
        }
    }
}
