import Autodiff
import ONNX
import Recipes
import Tensors

/// Describes the nodes of a loss, which are appended to a model with new inputs for target and row weights.
struct LossGraph {
    let target: StepGraph.Target?
    let scores: [StepGraph.Scores]
    let sampleWeight: String?
    /// The value `sum(weight * term)`, a scalar in the type of the scores. The next two are `sum(weight)` and the quotient of both.
    let sum: String
    let weight: String
    let mean: String
    /// The value `mean` in float32. The next one is `weight` in float32.
    let reportedMean: String
    let reportedWeight: String
    let classes: [StepGraph.ClassLabel]?

    /// Appends a loss to a model in training form.
    /// - Throws: `invalid` if the loss does not fit the outputs.
    static func append(to model: inout Model, _ loss: Loss, outputs: [String]) throws(AutodiffError) -> LossGraph {
        let types: InferredTypes
        do { types = try model.inferTypes() } catch { throw .invalid(place: "the model", reason: "\(error)") }
        var found: [ScoreFinder.Found] = []
        if case .output = loss {} else { found = try ScoreFinder(model, types: types).scores(for: loss, outputs: outputs) }
        return try append(to: &model, loss, types, reading: found)
    }

    /// Appends a loss that reads scores which are known.
    /// - Parameter found: the scores; empty where the model computes its own loss.
    static func append(
        to model: inout Model, _ loss: Loss, _ types: InferredTypes, reading found: [ScoreFinder.Found]
    ) throws(AutodiffError) -> LossGraph {
        let graph = GradientGraph(extending: model.graph, types: types.types, prefix: "train/")
        let made =
            if case .output(let name) = loss {
                try own(name, loss, model, graph)
            } else {
                try compared(loss, found, model, graph)
            }
        graph.apply(to: &model.graph, results: [made.sum, made.weight, made.mean, made.reportedMean, made.reportedWeight])
        if let target = made.target { model.graph.inputs.append(Value(target.name, .tensor(target.elementType, target.dimensions))) }
        if let name = made.sampleWeight {
            let rows = made.scores.first?.dimensions.first ?? made.target?.dimensions.first ?? .unknown
            model.graph.inputs.append(Value(name, .tensor(.float32, [rows])))
        }
        return made
    }

    private static func compared(
        _ loss: Loss, _ found: [ScoreFinder.Found], _ model: Model, _ graph: GradientGraph
    ) throws(AutodiffError) -> LossGraph {
        try check(loss)
        let found = found.map { found in
            guard let column = found.column else { return found }
            // With two classes, the probability of the second one is enough.
            var one = found
            one.value = graph.named("scores", graph.symbol(found.value).sliced([1], from: [column], to: [column + 1], steps: [1])).name
            one.dimensions[1] = .fixed(1)
            return one
        }
        let (type, dimensions) = try targetType(loss, found)
        let target = StepGraph.Target(name: graph.freshName("target"), elementType: type, dimensions: dimensions)
        graph.declare(target.name, .tensor(type, dimensions))
        let rowWeight = graph.freshName("sample_weight")
        graph.declare(rowWeight, .tensor(.float32, [dimensions[0]]))
        var y = graph.symbol(target.name)
        // A target `[N]` is taken for `[N, 1]`, and one number for all quantiles.
        if type != .int64, found.count == 1, dimensions.count + 1 == found[0].dimensions.count { y = y.unsqueezed([dimensions.count]) }
        let operands = LossTerms.Operands(
            loss: loss, scores: found.map { graph.symbol($0.value) }, found: found, target: y, rowWeight: graph.symbol(rowWeight))
        let scores = found.map { found in
            let count = found.kind.classAxis.flatMap { found.dimensions[$0].value }
            return StepGraph.Scores(
                name: found.value, kind: found.kind, elementType: found.elementType, dimensions: found.dimensions, classCount: count)
        }
        return try finished(LossTerms.of(operands), target, scores, rowWeight, found[0].classes)
    }

    private static func own(_ name: String, _ loss: Loss, _ model: Model, _ graph: GradientGraph) throws(AutodiffError) -> LossGraph {
        guard model.graph.outputs.contains(where: { $0.name == name }) else {
            throw refusal(
                loss, "'\(name)'", "the model has no such output; it has \(model.graph.outputs.map(\.name).joined(separator: ", "))")
        }
        let value = graph.symbol(name)
        guard let extents = value.extents, value.elementType == .float32 || value.elementType == .float64 else {
            throw refusal(
                loss, "'\(name)'", "it is \(graph.type(name)?.description ?? "unknown"), and a loss is a number, or a number for each row")
        }
        var rowWeight: String?
        if let rows = extents.first, rows != .fixed(1) {
            let name = graph.freshName("sample_weight")
            graph.declare(name, .tensor(.float32, [rows]))
            rowWeight = name
        }
        return finished(LossTerms.own(value, rowWeight: rowWeight.map(graph.symbol)), nil, [], rowWeight, nil)
    }

    private static func finished(
        _ terms: LossTerms, _ target: StepGraph.Target?, _ scores: [StepGraph.Scores], _ rowWeight: String?,
        _ classes: [StepGraph.ClassLabel]?
    ) -> LossGraph {
        let graph = terms.sum.graph
        // A batch in which nothing counts has the loss 0 and no gradient, not 0 / 0.
        let divisor = terms.weight.apply("Max", [graph.scalar(1e-30, terms.weight.elementType)], extents: [])
        let mean = terms.sum / divisor
        return LossGraph(
            target: target, scores: scores, sampleWeight: rowWeight, sum: terms.sum.name, weight: terms.weight.name, mean: mean.name,
            reportedMean: graph.named("loss", mean.cast(to: .float32)).name,
            reportedWeight: graph.named("loss_weight", terms.weight.cast(to: .float32)).name, classes: classes)
    }

    /// Returns type and shape of the target. The shape is that of the scores, but without the class axis for class indices, without the
    /// last axis for quantiles, `[N]` for scores `[N, 1]`, and `[N]` for a pair of embeddings.
    private static func targetType(_ loss: Loss, _ found: [ScoreFinder.Found]) throws(AutodiffError) -> (ElementType, [Dimension]) {
        var dimensions = found[0].dimensions
        let type = found[0].elementType
        if case .crossEntropy(_, _, .indices) = loss, let axis = found[0].kind.classAxis {
            dimensions.remove(at: axis)
            return (.int64, dimensions)
        }
        if found.count == 2 { return (type, [dimensions[0]]) }
        if case .quantile(let quantiles) = loss, quantiles.count > 1 {
            guard dimensions.count > 1, dimensions.last == .fixed(quantiles.count) else {
                throw refusal(
                    loss, "output '\(found[0].output)'",
                    "its shape is \(shown(dimensions)), and \(quantiles.count) quantiles need a last axis of \(quantiles.count)")
            }
            return (type, dimensions.dropLast())
        }
        switch loss {
        case .crossEntropy, .cosineEmbedding, .multilabel: return (type, dimensions)
        default: return (type, dimensions.count == 2 && dimensions[1] == .fixed(1) ? [dimensions[0]] : dimensions)
        }
    }

    private static func check(_ loss: Loss) throws(AutodiffError) {
        func require(_ holds: Bool, _ reason: String) throws(AutodiffError) {
            if !holds { throw .invalid(place: "loss \(loss.name)", reason: reason) }
        }
        switch loss {
        case .crossEntropy(let smoothing, let weights, _):
            try require((0...1).contains(smoothing), "label smoothing is \(smoothing), and must be from 0 to 1")
            try require(weights.allSatisfy { $0 >= 0 && $0.isFinite }, "class weights must be at least 0")
        case .binaryCrossEntropy(let weight, _):
            try require(weight > 0 && weight.isFinite, "the positive weight is \(weight), and must be above 0")
        case .multilabel(let weights, _): try require(weights.allSatisfy { $0 >= 0 && $0.isFinite }, "class weights must be at least 0")
        case .huber(let delta): try require(delta > 0 && delta.isFinite, "delta is \(delta), and must be above 0")
        case .quantile(let quantiles):
            try require(!quantiles.isEmpty && quantiles.allSatisfy { $0 > 0 && $0 < 1 }, "quantiles are between 0 and 1, and at least one")
        case .cosineEmbedding(let margin): try require((-1...1).contains(margin), "the margin is \(margin), and must be from -1 to 1")
        case .meanSquaredError, .meanAbsoluteError, .poisson, .output: break
        }
    }
}
