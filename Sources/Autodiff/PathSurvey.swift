package import ONNX
import Passes

/// Lists the operators between some values and the wanted ones, and whether each has a gradient. It is made by the walk itself, on a copy
/// of the model.
package struct PathSurvey: Sendable {
    package struct Entry: Sendable, Equatable {
        /// The type of the operator in the model: `Conv`, or `com.example.Fused` outside the default domain.
        package let operatorType: String
        package fileprivate(set) var count: Int
        /// The reason why a node of this operator has no gradient, for each such node.
        package fileprivate(set) var refusals: [AutodiffError]
        fileprivate var places: Set<String> = []
    }

    /// The entries, one for each operator type, in alphabetical order.
    package private(set) var entries: [Entry] = []
    package var refusals: [AutodiffError] { entries.flatMap(\.refusals) }

    mutating func passed(_ node: Node) { note(node, nil) }
    mutating func refused(_ node: Node, _ error: AutodiffError) { note(node, error) }

    private mutating func note(_ node: Node, _ error: AutodiffError?) {
        let (type, place) = node.origin
        let position = entries.firstIndex { $0.operatorType == type } ?? entries.count
        if position == entries.count { entries.append(Entry(operatorType: type, count: 0, refusals: [])) }
        if entries[position].places.insert(place).inserted { entries[position].count += 1 }
        if let error { entries[position].refusals.append(error) }
    }

    fileprivate mutating func sort() { entries.sort { $0.operatorType < $1.operatorType } }
}

extension ReverseMode {
    /// Returns the operators on the paths from `values` to `wanted`, with the reasons for those that have no gradient. Nothing is changed
    /// or run.
    package static func survey(_ model: Model, from values: [String], for wanted: [String]) throws(AutodiffError) -> PathSurvey {
        let walk = try BackwardWalk(model, seeds: [:], wanted: wanted, options: GradientOptions())
        for value in values {
            guard walk.knows(value) else { throw .unknownValue(value) }
            walk.seed(value, walk.graph.symbol(value).zeros)
        }
        walk.survey = PathSurvey()
        _ = try walk.run()
        var survey = walk.survey ?? PathSurvey()
        survey.sort()
        return survey
    }
}
