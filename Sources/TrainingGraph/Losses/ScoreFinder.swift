import Autodiff
import Names
import ONNX
import Recipes
import Tensors

/// Finds the values that a loss reads. From the model's outputs it goes back over operators that only turn scores into probabilities or
/// names.
struct ScoreFinder {
    struct Found {
        let output: String
        /// The name of the value in the graph.
        var value: String
        var kind: StepGraph.Scores.Kind
        var elementType: ElementType
        var dimensions: [Dimension]
        var classes: [StepGraph.ClassLabel]?
        /// What the output itself holds, where that is something else than `value` does.
        var outputKind: StepGraph.Scores.Kind?
        /// The column of `value` that counts, if only one does; nil where all columns count.
        var column: Int?
        /// Tells whether the model uses operators of `ai.onnx.ml`.
        var isClassifier = false

        /// The same scores as the model gives them, in the output itself.
        var given: Found {
            var given = self
            given.value = output
            given.kind = outputKind ?? kind
            return given
        }
    }

    private let graph: Graph
    private let index: GraphIndex
    private let types: InferredTypes
    private let ending: ClassifierEnding

    init(_ model: Model, types: InferredTypes) {
        graph = model.graph
        index = graph.index
        self.types = types
        ending = ClassifierEnding(model)
    }

    /// - Parameter names: the outputs to read; if empty, the model must have just as many floating point outputs as the loss takes.
    /// - Throws: `invalid` if the outputs do not fit the loss.
    func scores(for loss: Loss, outputs names: [String]) throws(AutodiffError) -> [Found] {
        var seen: NameSet = []
        let readable = graph.outputs.map(\.name).filter { isReadable($0) && seen.insert($0).inserted }
        var chosen = names
        if names.isEmpty {
            let isPair = if case .cosineEmbedding = loss { readable.count == 2 } else { false }
            guard readable.count == 1 || isPair else {
                throw refusal(
                    loss, "the model",
                    readable.isEmpty
                        ? "none of its outputs is a floating point tensor"
                        : "it has \(readable.count) outputs that could be meant (\(readable.joined(separator: ", "))): say which, as "
                            + "loss: { \(loss.name): { output: \(readable[0]) } } in a pipeline, or --prediction \(readable[0])")
            }
            chosen = readable
        }
        var most = 1
        if case .cosineEmbedding = loss { most = 2 }
        guard chosen.count <= most else {
            throw refusal(loss, "outputs \(chosen.joined(separator: ", "))", "it reads \(most == 1 ? "one" : "at most two")")
        }
        var found: [Found] = []
        for name in chosen {
            guard graph.outputs.contains(where: { $0.name == name }) else {
                throw refusal(
                    loss, "output '\(name)'", "the model has none of that name; it has \(graph.outputs.map(\.name).joined(separator: ", "))"
                )
            }
            guard isReadable(name) else { throw refusal(loss, "output '\(name)'", "it is no floating point tensor") }
            found.append(try scores(behind: name, for: loss))
        }
        return found
    }

    private func producer(_ value: String) -> Node? { index.producers[value].map { graph.nodes[$0] } }

    private func isReadable(_ output: String) -> Bool {
        if producer(output)?.operatorType == "ZipMap" { return true }
        guard case .tensor(let type?, _)? = types[output] else { return false }
        return type.isFloatingPoint
    }

    private func scores(behind output: String, for loss: Loss) throws(AutodiffError) -> Found {
        var value = output
        var classes: [StepGraph.ClassLabel]?
        var kind = StepGraph.Scores.Kind.values
        var axis = 1
        var foundLogits = false, isLogarithm = false
        var outputKind: StepGraph.Scores.Kind?
        var column: Int?
        search: while let node = producer(value), let input = node.inputs.first {
            switch (node.operatorType, loss) {
            case ("Identity", _): value = input
            case ("Cast", _) where types[input]?.elementType?.isFloatingPoint ?? false: value = input
            case ("ZipMap", _):
                classes = node.classLabels
                value = input
            case ("Softmax", .crossEntropy), ("LogSoftmax", .crossEntropy):
                axis = Int(node.attribute("axis")?.int ?? -1)
                value = input
                foundLogits = true
                // The logarithms of probabilities are logits like any.
                if node.operatorType == "LogSoftmax" { isLogarithm = true }
                break search
            case ("Log", .crossEntropy) where producer(input)?.operatorType == "Softmax":
                value = input
                isLogarithm = true
            // Values that add up to 1 already stay as they are.
            case ("LpNormalization", .crossEntropy) where node.attribute("p")?.int == 1 && ending.comesFromSoftmax(input): value = input
            case ("Sigmoid", .binaryCrossEntropy(_, .automatic)), ("Sigmoid", .multilabel(_, .automatic)):
                value = input
                foundLogits = true
                break search
            case ("Exp", .poisson(.automatic)):
                value = input
                kind = .logRate
                outputKind = .values
                break search
            case ("Softplus", .poisson(.automatic)), ("Relu", .poisson(.automatic)):
                kind = .values
                break search
            default:
                if case .poisson(.automatic) = loss { kind = .logRate }
                break search
            }
        }
        guard case .tensor(let type?, let dimensions?)? = types[value], !dimensions.isEmpty else {
            throw refusal(
                loss, "output '\(output)'",
                "its number of axes is not known, or it is a single number: a row for each row of the batch is needed")
        }
        switch loss {
        case .crossEntropy:
            if axis < 0 { axis += dimensions.count }
            guard dimensions.count > 1, axis > 0 else {
                throw refusal(
                    loss, "output '\(output)'",
                    "its shape is \(shown(dimensions)), and a class axis behind that of the rows is needed: [N, C]")
            }
            if let count = dimensions[axis].value, count < 2 {
                throw refusal(loss, "output '\(output)'", "its shape is \(shown(dimensions)), one class: binary_cross_entropy is for that")
            }
            kind = foundLogits || !ending.isNeverNegative(value) ? .classLogits(axis: axis) : .classProbabilities(axis: axis)
            if foundLogits, !isLogarithm { outputKind = .classProbabilities(axis: axis) }
        case .binaryCrossEntropy(_, let scores), .multilabel(_, let scores):
            let areProbabilities = scores == .probabilities || scores == .automatic && !foundLogits && ending.isNeverNegative(value)
            kind = areProbabilities ? .probabilities : .logits
            if foundLogits { outputKind = .probabilities }
            if areProbabilities, case .binaryCrossEntropy = loss, dimensions.count == 2, dimensions[1] == .fixed(2), ending.isClassifier {
                column = 1
            }
        case .poisson(let meant) where meant != .automatic: kind = meant == .logRate ? .logRate : .values
        default: break
        }
        if classes == nil {
            let count = column != nil ? 2 : kind.classAxis.flatMap { dimensions[$0].value }
            classes = count.flatMap { ending.classes(count: $0) }
        }
        return Found(
            output: output, value: value, kind: kind, elementType: type, dimensions: dimensions, classes: classes,
            outputKind: outputKind, column: column, isClassifier: ending.isClassifier)
    }
}

func refusal(_ loss: Loss, _ place: String, _ reason: String) -> AutodiffError {
    .invalid(place: "loss \(loss.name) on \(place)", reason: reason)
}

func shown(_ dimensions: [Dimension]) -> String { "[" + dimensions.map(\.description).joined(separator: ", ") + "]" }

extension Node {
    /// The names that a ZipMap gives its columns.
    fileprivate var classLabels: [StepGraph.ClassLabel]? {
        if let names = attribute("classlabels_strings")?.strings { return names.map(StepGraph.ClassLabel.name) }
        return attribute("classlabels_int64s")?.ints.map { $0.map(StepGraph.ClassLabel.number) }
    }
}
