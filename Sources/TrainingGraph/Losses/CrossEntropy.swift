import Autodiff
import ONNX
import Recipes
import Tensors

/// Builds the cross entropy over one axis of the scores, as in PyTorch's `CrossEntropyLoss`.
struct CrossEntropy {
    let operands: LossTerms.Operands
    let axis: Int
    let smoothing: Double
    let classWeights: [Double]

    /// The target of rows that count nothing: the default of `ignore_index` in PyTorch.
    static let ignored: Double = -100

    private var classCount: Int? { operands.found[0].dimensions[axis].value }

    func terms(_ targets: Loss.Targets) throws(AutodiffError) -> LossTerms {
        if !classWeights.isEmpty { try LossTerms.fit(classWeights.count, classCount, "class weights", operands) }
        guard smoothing == 0 || classCount != nil else {
            throw refusal(
                operands.loss, operands.place,
                "label smoothing needs to know the classes, and the shape is \(shown(operands.found[0].dimensions))")
        }
        let x = operands.first
        let logarithms = self.logarithms(x)
        switch targets {
        case .indices: return indices(logarithms)
        case .probabilities:
            var y = operands.target
            if smoothing > 0, let classCount { y = y * (1 - smoothing) + smoothing / Double(classCount) }
            let terms = -(weighted(y) * logarithms).sum([axis], keep: false)
            return operands.mean(terms)
        }
    }

    /// Returns the logarithms of the probabilities, which add up to 1 along the class axis.
    private func logarithms(_ x: Symbol) -> Symbol {
        guard case .classProbabilities = operands.found[0].kind else { return x.map("LogSoftmax", [Attribute("axis", .int(Int64(axis)))]) }
        return x.logarithmOfProbability - x.sum([axis], keep: true).logarithmOfProbability
    }

    private func indices(_ logarithms: Symbol) -> LossTerms {
        let graph = operands.graph, y = operands.target
        let counted = y.equals(Self.ignored).not
        let index = counted.select(y, 0)
        let picked = -logarithms.apply(
            "GatherElements", [index.unsqueezed([axis])], [Attribute("axis", .int(Int64(axis)))],
            extents: y.extents.map { extents in Array(extents[..<axis]) + [.fixed(1)] + Array(extents[axis...]) }
        ).squeezed([axis])
        let rows = operands.weights(rank: y.rank ?? 1) * counted.cast(to: logarithms.elementType)
        var weight = rows
        if !classWeights.isEmpty {
            weight = rows * graph.numbers(classWeights, logarithms.elementType).apply("Gather", [index], extents: y.extents)
        }
        var sum = (weight * picked).total * (1 - smoothing)
        if smoothing > 0, let classCount {
            let all = -weighted(logarithms).sum([axis], keep: false)
            sum = sum + (rows * all).total * (smoothing / Double(classCount))
        }
        return LossTerms(sum: sum, weight: weight.total)
    }

    /// Multiplies by the class weights, along the class axis.
    private func weighted(_ value: Symbol) -> Symbol {
        if classWeights.isEmpty { return value }
        let weights = operands.graph.numbers(classWeights, operands.first.elementType)
        let behind = (value.rank ?? 0) - axis - 1
        return value * (behind > 0 ? weights.unsqueezed(Array(1...behind)) : weights)
    }
}
