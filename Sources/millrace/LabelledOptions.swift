import ArgumentParser
import Names
import Reasons
import Recipes
import Reports
import Runner
import Training

/// The options that describe how a labelled file's columns become model inputs and labels.
struct LabelledOptions: ParsableArguments {
    @Option(name: .long, help: "The column to learn; a pattern such as p_*, or names with commas, where the loss takes several.") var label:
        String?
    @Option(name: .long, help: "A column of what each row counts.") var weight: String?
    @Option(
        name: .long, help: ArgumentHelp("The names of the classes in the order of the model's class axis, with commas.", valueName: "names")
    )
    var classes: String?
    @Option(name: .long, help: ArgumentHelp("The columns that name a row, with commas.", valueName: "columns")) var key: String?
    @Option(name: .long, help: ArgumentHelp("A column that is no feature.", valueName: "column")) var ignore: [String] = []
    @Option(
        name: .long,
        help: ArgumentHelp(
            "The columns of a model input: a pattern such as pixels=pixel_*, or names with commas.", valueName: "input=pattern"))
    var columns: [Assignment] = []
    @Option(name: .long, help: ArgumentHelp("What a model input's values are multiplied by.", valueName: "input=factor")) var scale:
        [Assignment] = []

    func validate() throws {
        for factor in scale where Double(factor.value) == nil {
            throw ValidationError("--scale \(factor.name)=\(factor.value): not a number.")
        }
    }

    var isEmpty: Bool {
        label == nil && weight == nil && classes == nil && key == nil && ignore.isEmpty && columns.isEmpty && scale.isEmpty
    }

    /// The description of the rows by these options.
    private var schema: RowSchema {
        let names = (columns + scale).map(\.name).reduce(into: [String]()) { if !$0.containsName($1) { $0.append($1) } }
        return RowSchema(
            key: key.map(Self.names) ?? [], label: label.map(Self.selection), weight: weight, classes: classes.map(Self.names),
            inputs: names.map { name in
                InputSchema(
                    name: name, columns: columns.last { $0.name.isName(name) }.map { Self.selection($0.value) },
                    scale: scale.last { $0.name.isName(name) }.flatMap { Double($0.value) })
            }, keep: ignore, dialect: TextDialect(nullWords: nil))
    }

    /// - Parameter nanInputs: the inputs whose missing values are NaN.
    func data(_ files: [String], nanInputs: NameSet) -> LabelledData {
        schema.labelledData(files.map { .init($0) }, inputs: Array(nanInputs), nanInputs: nanInputs)
    }

    /// Whether several columns are to be learned.
    var hasSeveralLabels: Bool {
        switch label.map(Self.selection) {
        case .pattern: true
        case .list(let names): names.count > 1
        case nil: false
        }
    }

    private static func names(_ text: String) -> [String] { text.split(separator: ",").map(String.init) }

    private static func selection(_ text: String) -> ColumnSelector {
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

/// `NAME` or `NAME=VALUE`, as `quantile=0.1,0.9`.
struct LossArgument: ExpressibleByArgument {
    let loss: Loss

    static let names = [
        "cross_entropy[=smoothing]", "binary_cross_entropy[=positive weight]", "multilabel", "mean_squared_error", "mean_absolute_error",
        "huber[=delta]", "quantile=q[,q…]", "poisson", "cosine_embedding[=margin]", "output=NAME",
    ]

    init?(argument: String) {
        let parts = argument.split(separator: "=", maxSplits: 1).map(String.init)
        let text = parts.count > 1 ? parts[1] : nil
        let numbers = text?.split(separator: ",").map { Double($0) } ?? []
        func number(_ fallback: Double) -> Double? { text == nil ? fallback : numbers.count == 1 ? numbers[0] : nil }
        func plain(_ loss: Loss) -> Loss? { text == nil ? loss : nil }
        let parsed: Loss? =
            switch parts.first {
            case "cross_entropy": number(0).map { .crossEntropy(labelSmoothing: $0) }
            case "binary_cross_entropy": number(1).map { .binaryCrossEntropy(positiveWeight: $0) }
            case "multilabel": plain(.multilabel())
            case "mean_squared_error": plain(.meanSquaredError)
            case "mean_absolute_error": plain(.meanAbsoluteError)
            case "huber": number(1).map { .huber(delta: $0) }
            case "quantile": numbers.isEmpty || numbers.contains(nil) ? nil : .quantile(numbers.compactMap(\.self))
            case "poisson": plain(.poisson())
            case "cosine_embedding": number(0).map { .cosineEmbedding(margin: $0) }
            case "output": text.map { .output($0) }
            default: nil
            }
        guard let parsed else { return nil }
        loss = parsed
    }

    /// Several label columns are probabilities of the classes.
    func taking(severalLabels: Bool) -> Loss {
        guard severalLabels, case .crossEntropy(let smoothing, let weights, _) = loss else { return loss }
        return .crossEntropy(labelSmoothing: smoothing, classWeights: weights, targets: .probabilities)
    }
}
