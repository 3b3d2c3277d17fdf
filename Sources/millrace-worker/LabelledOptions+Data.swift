import ArgumentParser
import Names
import Reasons
import Recipes
import Reports
import Runner
import Terminal
import Training

extension LabelledOptions {
    /// The description of the rows by these options.
    var schema: RowSchema {
        let names = (columns + scale).map(\.name).reduce(into: [String]()) { if !$0.containsName($1) { $0.append($1) } }
        return RowSchema(
            key: key.map(Self.names) ?? [], label: label.map(Self.selection), weight: weight, classes: classes.map(Self.names),
            inputs: names.map { name in
                InputSchema(
                    name: name, columns: columns.last { $0.name.isName(name) }.map { Self.selection($0.value) },
                    scale: scale.last { $0.name.isName(name) }.flatMap { Double($0.value) })
            }, keep: ignore, dialect: TextDialect(nullWords: nil))
    }

    /// Returns the labelled rows of files.
    /// - Parameter nanInputs: the inputs whose missing values are NaN.
    func data(_ files: [String], nanInputs: NameSet) -> LabelledData {
        schema.labelledData(files.map { .init($0) }, inputs: Array(nanInputs), nanInputs: nanInputs)
    }

    /// Tells whether several columns are to be learned.
    var hasSeveralLabels: Bool {
        label.map(Self.selection)?.isSeveral ?? false
    }

    static func names(_ text: String) -> [String] { text.split(separator: ",").map(String.init) }

    static func selection(_ text: String) -> ColumnSelector {
        let parts = names(text)
        return parts.count == 1 && (text.contains("*") || text.contains("?")) ? .pattern(text) : .list(parts)
    }
}

extension ColumnSelector {
    /// Tells whether it may choose several columns.
    var isSeveral: Bool {
        switch self {
        case .pattern: true
        case .list(let names): names.count > 1
        }
    }
}

/// Prints what kept a training from succeeding, with the model where that is to blame, and returns the exit code of the command.
func failed(_ error: TrainingError, _ model: String, _ values: ValuesFlag) -> ExitCode {
    let reason = error.description(showingValues: !values.hideValues)
    return switch error {
    case .badModel, .diverged: fail("\(model): \(reason)")
    default: fail(reason)
    }
}
