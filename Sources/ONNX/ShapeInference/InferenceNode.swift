import Tensors

/// Gives a rule its view of one node: its attributes, and what is known of its inputs.
struct InferenceNode {
    let node: Node
    let version: Int64
    let inputs: [ValueType?]
    /// The integers that inputs are known to hold (shapes, axes), as extents, since some may be symbolic.
    let contents: [[Dimension]?]
    let constant: (_ input: Int) -> Tensor?
    let infer: (_ graph: Graph, _ inputs: [ValueType?]) throws(ONNXError) -> [ValueType?]

    var outputCount: Int { node.outputs.count }
    func isGiven(_ input: Int) -> Bool { input < node.inputs.count && !node.inputs[input].isEmpty }
    func input(_ position: Int) -> ValueType? { position < inputs.count ? inputs[position] : nil }
    func type(_ position: Int) -> ElementType? { input(position)?.elementType }
    /// Returns the extents of an input; `nil` also for absurd ranks, so that no code below has to limit its loops.
    func extents(_ position: Int) -> [Dimension]? { input(position)?.dimensions.flatMap { $0.count <= 256 ? $0 : nil } }
    func extent(_ position: Int, axis: Int) -> Dimension {
        extents(position).flatMap { $0.indices.contains(axis) ? $0[axis] : nil } ?? .unknown
    }
    func content(_ position: Int) -> [Dimension]? { position < contents.count ? contents[position] : nil }
    /// Returns the integers that an input holds, where all are known.
    func numbers(_ position: Int) -> [Int]? { content(position)?.fixed }

    func int(_ name: String) -> Int? { node.attribute(name)?.int.map(Int.init) }
    func int(_ name: String, default fallback: Int) -> Int { int(name) ?? fallback }
    func ints(_ name: String) -> [Int]? { node.attribute(name)?.ints.map { $0.map(Int.init) } }
    func string(_ name: String) -> String? { node.attribute(name)?.string }
    func elementType(_ name: String) -> ElementType? { int(name).flatMap { ElementType(rawValue: Int32(truncatingIfNeeded: $0)) } }

    /// Returns the axes, which older operator sets give as an attribute and newer ones as an input: `nil` where neither is given,
    /// `.some(nil)` where the input's content is not known.
    func axes(input position: Int, attribute name: String = "axes") -> [Int]?? {
        if let axes = ints(name) { return .some(axes) }
        guard isGiven(position) else { return nil }
        return .some(numbers(position))
    }

    func axis(_ axis: Int, rank: Int) throws(ONNXError) -> Int {
        let resolved = axis < 0 ? axis + rank : axis
        guard resolved >= 0, resolved < rank else { throw invalid("axis \(axis) does not exist in rank \(rank)") }
        return resolved
    }

    func axes(_ axes: [Int], rank: Int) throws(ONNXError) -> [Int] {
        try axes.map { (value) throws(ONNXError) in try axis(value, rank: rank) }
    }

    func merge(_ left: Dimension, _ right: Dimension, _ what: String) throws(ONNXError) -> Dimension {
        guard let merged = Dimension.merge(left, right) else { throw invalid("\(what): \(left) against \(right)") }
        return merged
    }

    func broadcast(_ positions: some Sequence<Int>) throws(ONNXError) -> [Dimension]? {
        var result: [Dimension] = []
        for position in positions {
            guard let next = extents(position) else { return nil }
            guard let wider = [Dimension].broadcast(result, next) else {
                throw invalid("the shapes \(result) and \(next) do not broadcast")
            }
            result = wider
        }
        return result
    }

    func require(rank: Int, _ extents: [Dimension], _ what: String) throws(ONNXError) {
        if extents.count < rank { throw invalid("\(what) has rank \(extents.count), at least \(rank) is needed") }
    }

    func invalid(_ reason: String) -> ONNXError { .invalid(place: node.place, reason: reason) }
}

typealias InferenceRule = @Sendable (InferenceNode) throws(ONNXError) -> [ValueType?]
