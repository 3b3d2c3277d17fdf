import Autodiff
import Foundation
import ONNX
import Recipes
import Tensors

/// Holds a loss under construction: the sum of its weighted terms, and the sum of the weights, both scalars. `Loss` has the definitions.
struct LossTerms {
    let sum: Symbol
    let weight: Symbol

    /// Holds the operands of a loss. `target` has the shape of the input of that name, but `[N, 1]` in place of `[N]` if the scores have
    /// that shape; `rowWeight` is `[N]`.
    struct Operands {
        let loss: Loss
        let scores: [Symbol]
        let found: [ScoreFinder.Found]
        let target: Symbol
        let rowWeight: Symbol

        var first: Symbol { scores[0] }
        var place: String { found.map { "output '\($0.output)'" }.joined(separator: " and ") }
        var graph: GradientGraph { target.graph }

        /// Returns the row weights in a shape that broadcasts to `[N, ...]` of this rank.
        func weights(rank: Int) -> Symbol {
            let weight = rowWeight.cast(to: first.elementType)
            return rank > 1 ? weight.unsqueezed(Array(1..<rank)) : weight
        }

        /// Returns the mean over all elements of `[N, ...]`, each with the weight of its row.
        func mean(_ terms: Symbol) -> LossTerms {
            let rank = terms.rank ?? 1
            var weight = rowWeight.cast(to: first.elementType).total
            if rank > 1 {
                let inner = terms.extents.map { $0.dropFirst().map(\.value) } ?? []
                if inner.allSatisfy({ $0 != nil }) {
                    weight = weight * Double(inner.reduce(1) { $0 * ($1 ?? 1) })
                } else {
                    weight = weight * (terms.size.cast(to: first.elementType) / rowWeight.size.cast(to: first.elementType))
                }
            }
            return LossTerms(sum: (terms * weights(rank: rank)).total, weight: weight)
        }
    }

    static func of(_ operands: Operands) throws(AutodiffError) -> LossTerms {
        let x = operands.first, y = operands.target
        switch operands.loss {
        case .crossEntropy(let smoothing, let classWeights, let targets):
            guard let axis = operands.found[0].kind.classAxis else { preconditionFailure("cross entropy without a class axis") }
            return try CrossEntropy(operands: operands, axis: axis, smoothing: smoothing, classWeights: classWeights).terms(targets)
        case .binaryCrossEntropy(let positiveWeight, _):
            return operands.mean(binary(x, y, operands.found[0], positiveWeight: positiveWeight))
        case .multilabel(let classWeights, _):
            var terms = binary(x, y, operands.found[0])
            if !classWeights.isEmpty {
                let count = operands.found[0].dimensions.last?.value
                try fit(classWeights.count, count, "class weights", operands)
                terms = terms * operands.graph.numbers(classWeights, x.elementType)
            }
            return operands.mean(terms)
        case .meanSquaredError: return operands.mean((x - y).squared)
        case .meanAbsoluteError: return operands.mean((x - y).abs)
        case .huber(let delta):
            let error = (x - y).abs
            return operands.mean((error < delta).select(error.squared * 0.5, (error - delta / 2) * delta))
        case .quantile(let quantiles):
            let error = y - x
            let q =
                quantiles.count == 1 ? operands.graph.scalar(quantiles[0], x.elementType) : operands.graph.numbers(quantiles, x.elementType)
            return operands.mean((error >= 0).select(error * q, error * (q - 1)))
        case .poisson:
            if operands.found[0].kind == .logRate { return operands.mean(x.exp - y * x) }
            return operands.mean(x - y * (x + 1e-8).log)
        case .cosineEmbedding(let margin): return operands.mean(try cosine(operands, margin: margin))
        case .output: preconditionFailure("the model's own loss has no terms")
        }
    }

    /// Returns the model's own loss: the mean of its elements, each with the weight of its row.
    static func own(_ value: Symbol, rowWeight: Symbol?) -> LossTerms {
        guard let rowWeight else {
            return LossTerms(sum: value.rank == 0 ? value : value.total, weight: value.size.cast(to: value.elementType))
        }
        let found = ScoreFinder.Found(output: value.name, value: value.name, kind: .values, elementType: value.elementType, dimensions: [])
        return Operands(loss: .output(value.name), scores: [value], found: [found], target: value, rowWeight: rowWeight).mean(value)
    }

    private static func binary(_ x: Symbol, _ y: Symbol, _ found: ScoreFinder.Found, positiveWeight: Double = 1) -> Symbol {
        if found.kind == .probabilities {
            func cut(_ value: Symbol) -> Symbol {
                if found.isClassifier { return value.logarithmOfProbability }
                return value.log.apply("Max", [value.graph.scalar(-100, value.elementType)], extents: value.extents)
            }
            return -(y * cut(x) * positiveWeight + (1 - y) * cut(1 - x))
        }
        // It holds that -log(1 - sigmoid(x)) = softplus(x), which cannot overflow, and -log(sigmoid(x)) = softplus(x) - x.
        let softplus = x.map("Softplus")
        if positiveWeight == 1 { return softplus - x * y }
        return softplus * (y * (positiveWeight - 1) + 1) - x * y * positiveWeight
    }

    private static func cosine(_ operands: Operands, margin: Double) throws(AutodiffError) -> Symbol {
        let isPair = operands.scores.count == 2
        let a = operands.first, b = isPair ? operands.scores[1] : operands.target
        guard a.rank == 2, b.rank == 2, operands.found.count < 2 || operands.found[0].dimensions[1] == operands.found[1].dimensions[1]
        else {
            let shapes = operands.found.map { shown($0.dimensions) }.joined(separator: " and ")
            throw refusal(operands.loss, operands.place, "the shape is \(shapes), and embeddings are [N, D]\(isPair ? ", both alike" : "")")
        }
        func squaredLength(_ value: Symbol) -> Symbol { value.squared.sum([1], keep: false) + 1e-12 }
        let cosine = (a * b).sum([1], keep: false) / (squaredLength(a) * squaredLength(b)).sqrt
        guard isPair else { return 1 - cosine }
        return (operands.target > 0).select(1 - cosine, (cosine - margin).map("Relu"))
    }

    static func fit(_ given: Int, _ wanted: Int?, _ what: String, _ operands: Operands) throws(AutodiffError) {
        guard given == wanted else {
            throw refusal(
                operands.loss, operands.place,
                "\(given) \(what) for the shape \(shown(operands.found[0].dimensions))"
                    + (wanted.map { ", which takes \($0)" } ?? ", whose classes are not counted"))
        }
    }
}

extension GradientGraph {
    /// Returns a constant list `[values.count]`.
    func numbers(_ values: [Double], _ type: ElementType) -> Symbol {
        type == .float64 ? constant(.float64, [values.count], values) : constant(.float32, [values.count], values.map { Float($0) })
    }
}

extension Symbol {
    /// The logarithm of a probability. Below the smallest step from 1 in float32 it continues along its tangent, so that a probability of
    /// 0, which leaves of trees often have, gives a finite loss and a gradient that leads away from it.
    var logarithmOfProbability: Symbol {
        let least = Double(Float.ulpOfOne)
        let bounded = apply("Max", [graph.scalar(least, elementType)], extents: extents)
        return (self > least).select(bounded.log, (self - least) / least + Foundation.log(least))
    }
}
