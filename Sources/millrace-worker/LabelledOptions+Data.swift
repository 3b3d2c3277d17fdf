import ArgumentParser
import Columnar
import Names
import Reasons
import Reports
import Terminal
import Training

extension LabelledOptions {
    var labelColumns: InputRule.Columns? { label.map(Self.selection) }

    /// - Parameter nanInputs: the inputs whose missing values are NaN.
    func data(_ files: [String], nanInputs: NameSet) -> LabelledData {
        var rules: NameMap<InputRule> = [:]
        for name in nanInputs { rules[name, default: InputRule()].missing = .nan }
        for assignment in columns { rules[assignment.name, default: InputRule()].columns = Self.selection(assignment.value) }
        for assignment in scale { rules[assignment.name, default: InputRule()].scale = Double(assignment.value) }
        return LabelledData(
            files: files.map { .init($0) }, label: labelColumns, inputs: rules, classes: classes.map(Self.names), weight: weight,
            key: key.map(Self.names) ?? [], keep: ignore)
    }

    /// Whether several columns are to be learned.
    var hasSeveralLabels: Bool {
        switch labelColumns {
        case .pattern: true
        case .list(let names): names.count > 1
        case nil: false
        }
    }

    private static func names(_ text: String) -> [String] { text.split(separator: ",").map(String.init) }

    private static func selection(_ text: String) -> InputRule.Columns {
        let parts = names(text)
        return parts.count == 1 && (text.contains("*") || text.contains("?")) ? .pattern(text) : .list(parts)
    }
}

/// Ends the command with what stood in training's way, naming the model where that is to blame.
func failed(_ error: TrainingError, _ model: String, _ values: ValuesFlag) -> ExitCode {
    let reason = error.description(showingValues: !values.hideValues)
    return switch error {
    case .badModel, .diverged: fail("\(model): \(reason)")
    default: fail(reason)
    }
}
