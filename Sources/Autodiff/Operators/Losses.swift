import ONNX
import Tensors

extension OperatorTable {
    /// The losses that are operators of the model. Their class weights are constants.
    static let losses: [OperatorGradient] = [
        .rule("SoftmaxCrossEntropyLoss", withoutGradient: [2]) { (c) in
            let logarithm = c.output(1, extents: c.x.extents)
            let target = classes(c)
            var toScores = (logarithm.exp - target.marks) * target.weight
            if let further = c.cotangents.dropFirst().first ?? nil { toScores = toScores + further - logarithm.exp * further.sum([1]) }
            return [toScores]
        },
        .rule("NegativeLogLikelihoodLoss", withoutGradient: [2]) { (c) in
            let target = classes(c)
            return [-(target.marks * target.weight)]
        },
    ]

    /// Returns, for scores `[N, C, ...]` and labels `[N, ...]`, marks `[N, C, ...]` that are 1 at the class of each label, and the weight
    /// of each label times the cotangent, `[N, 1, ...]`, which is zero for labels to be ignored.
    private static func classes(_ c: RuleContext) -> (marks: Symbol, weight: Symbol) {
        let type = c.x.elementType
        let given = c.b.cast(to: .int64)
        let isIgnored = c.node.attribute("ignore_index")?.int.map { given.equals(c.graph.constant(.int64, [], [$0])) }
        let labels = isIgnored.map { $0.select(c.graph.constant(.int64, [], [Int64(0)]), given) } ?? given
        var weight =
            c.optionalInput(2).map { $0.apply("Gather", [labels], extents: labels.extents) }
            ?? c.graph.filled(1, labels.shape, type: type, extents: labels.extents)
        if let isIgnored { weight = isIgnored.select(0, weight) }
        let values = c.graph.constant(.float32, [2], [0, 1] as [Float]).cast(to: type)
        let marks = labels.apply("OneHot", [c.x.extent(1), values], [Attribute("axis", .int(1))], extents: c.x.extents, type: type)
        switch c.string("reduction", "mean") {
        case "none", "sum": weight = weight * c.dy
        default: weight = weight * (c.dy / weight.total)
        }
        return (marks, weight.unsqueezed([1]))
    }
}
