import ONNX
import Tensors

/// Lowers ensembles of trees: the walk to the leaves, the leaves' values, and the outputs made of these. The values of the leaves are
/// parameters; training does not change which leaf a row reaches.
enum TreeEnsembleLowering {
    static func classifierParameters(_ node: Node) -> [AttributeParameters.Entry] {
        values(node, ["class_weights", "class_weights_as_tensor"])
    }
    static func regressorParameters(_ node: Node) -> [AttributeParameters.Entry] {
        values(node, ["target_weights", "target_weights_as_tensor"])
    }
    static func ensembleParameters(_ node: Node) -> [AttributeParameters.Entry] { values(node, ["leaf_weights"]) }

    /// Returns the attribute, among those with these names, that is present.
    private static func values(_ node: Node, _ names: [String]) -> [AttributeParameters.Entry] {
        for name in names {
            let attribute = node.attribute(name)
            let count = attribute?.floats?.count ?? attribute?.tensor?.elementCount ?? 0
            if count > 0 { return [.init(name, [count])] }
        }
        return []
    }

    static func regressor(_ l: inout Lowering) throws(Lowering.Refused) {
        let aggregate = LeafValues.Aggregate(rawValue: l.string("aggregate_function", "SUM")) ?? .greatest
        let base = l.numbers("base_values").isEmpty ? l.numbers("base_values_as_tensor") : l.numbers("base_values")
        let type: ElementType = l.elementType(0) == .float64 ? .float64 : .float32
        guard let table = TreeTable(nodesOf: l, prefix: "target") else { throw .notKnown }
        let scores = try targets(
            &l, table, regressorParameters(l.node), aggregate, base, ScoreTransform(l.string("post_transform", "NONE")), type)
        l.give(0, scores)
    }

    /// Lowers `TreeEnsemble` of version 5. The codes in its attributes are read as ONNX Runtime reads them.
    static func ensemble(_ l: inout Lowering) throws(Lowering.Refused) {
        let aggregates: [LeafValues.Aggregate] = [.average, .sum, .least, .greatest]
        let transforms: [ScoreTransform] = [.none, .logistic, .softmax, .softmaxZero, .probit]
        let aggregate = l.int("aggregate_function", 1), transform = l.int("post_transform")
        guard let type = l.elementType(0), type == .float32 || type == .float64, aggregates.indices.contains(aggregate),
            transforms.indices.contains(transform), let table = TreeTable(ensemble: l)
        else { throw .notKnown }
        let scores = try targets(&l, table, ensembleParameters(l.node), aggregates[aggregate], [], transforms[transform], type)
        l.give(0, type == .float64 ? l.cast(scores, .float64) : scores)
    }

    /// Returns the scores of the targets, `[N, K]` of float32.
    private static func targets(
        _ l: inout Lowering, _ table: TreeTable, _ parameters: [AttributeParameters.Entry], _ aggregate: LeafValues.Aggregate,
        _ base: [Double], _ transform: ScoreTransform, _ type: ElementType
    ) throws(Lowering.Refused) -> String {
        let count = l.int("n_targets")
        guard count > 0 else { throw .notKnown }
        let read = try leafValues(&l, table, parameters, count, aggregate, type)
        var scores = read.total
        if base.count == count { scores = l.add("Add", [scores, l.numbers(base, type)]) }
        if type == .float64 { scores = l.cast(scores, .float32) }
        if count > 1 { return l.transformed(scores, transform) }
        return transform == .probit ? l.probit(scores) : scores
    }

    private static func leafValues(
        _ l: inout Lowering, _ table: TreeTable, _ parameters: [AttributeParameters.Entry], _ targets: Int,
        _ aggregate: LeafValues.Aggregate, _ type: ElementType
    ) throws(Lowering.Refused) -> LeafValues {
        guard let entry = parameters.first, let count = entry.shape.elementCount else { throw .notKnown }
        try table.checkSize()
        let stored = l.node.attribute(entry.attribute)?.tensor?.elementType ?? .float32
        let x = try l.rows(0, as: type)
        let leaf = table.leaves(x, type, &l)
        return try table.aggregated(
            leaf, l.parameter(entry.attribute, entry.shape), count: count, targets: targets, aggregate, from: stored, in: type, &l)
    }

    // MARK: Classes

    static func classifier(_ l: inout Lowering) throws(Lowering.Refused) {
        guard let labels = l.labels(strings: "classlabels_strings", integers: "classlabels_int64s"), labels.elementCount > 1,
            let entry = classifierParameters(l.node).first, let table = TreeTable(nodesOf: l, prefix: "class")
        else { throw .notKnown }
        let count = labels.elementCount
        let type: ElementType = l.elementType(0) == .float64 ? .float64 : .float32
        let base = l.numbers("base_values").isEmpty ? l.numbers("base_values_as_tensor") : l.numbers("base_values")
        let transform = ScoreTransform(l.string("post_transform", "NONE"))
        let weights = l.numbers(entry.attribute)
        let kind = LeafKind(l, table, weights, classes: count)
        let read = try leafValues(&l, table, [entry], count, .sum, type)
        if let constraint = kind.constraint { l.constrain(entry.attribute, constraint) }
        let makesProbabilities = kind.isNeverNegative && transform == .none && base.allSatisfy { $0 >= 0 }
        if count == 2 {
            let ending = TwoClasses(read: read, base: base, transform: transform, kind: kind, type: type, labels: labels)
            return try ending.give(&l, makesProbabilities)
        }
        var scores = read.total
        if base.count == count { scores = l.add("Add", [scores, l.numbers(base, type)]) }
        // A class for which no leaf has a value is never the answer.
        var candidates = scores
        if base.count != count, !read.presence.allSatisfy({ if case .always = $0 { true } else { false } }) {
            let says = read.presence.map { presence in
                switch presence {
                case .varies(let value): value
                case .always, .never: presence.filled(like: scores, type, &l)
                }
            }
            candidates = l.add("Where", [l.concatenated(says), scores, l.number(-.infinity, type)])
        }
        let best = l.add("ArgMax", [candidates], [Attribute("axis", .int(1)), Attribute("keepdims", .int(0))])
        l.give(0, label: best, of: labels)
        let narrow = type == .float64 ? l.cast(scores, .float32) : scores
        let made = l.transformed(narrow, transform)
        if makesProbabilities { l.noteProbabilities(made) }
        l.give(1, made)
    }
}

/// Describes the values of a classifier's leaves by their signs and sums.
struct LeafKind {
    let isNeverNegative: Bool
    /// Tells whether there are two classes, and values of only one of them.
    let isBinary: Bool
    let constraint: ParameterConstraint?

    init(_ l: Lowering, _ table: TreeTable, _ weights: [Double], classes: Int) {
        let ids = Set(l.ints("class_ids"))
        isNeverNegative = weights.allSatisfy { $0 >= 0 }
        isBinary = classes == 2 && ids.count == 1
        let trees = Double(table.roots.count)
        if isBinary {
            let share = 1 / trees
            let isShare = weights.allSatisfy { $0 <= share * (1 + 1e-5) }
            constraint = !isNeverNegative ? .someNegative : isShare ? .share(of: share) : .atLeastZero
        } else if isNeverNegative {
            constraint = Self.simplex(table, weights, classes) ?? .atLeastZero
        } else {
            constraint = nil
        }
    }

    /// Returns the constraint for leaves with one value for every class, next to each other, and the same sum in all leaves; nil for other
    /// leaves.
    private static func simplex(_ table: TreeTable, _ weights: [Double], _ classes: Int) -> ParameterConstraint? {
        guard weights.count == table.leafCount * classes else { return nil }
        var sum: Double?
        for leaf in table.values {
            let places = leaf.values.flatMap(\.self).sorted()
            guard leaf.count == classes, places.count == classes, places[0] % classes == 0, places.last == places[0] + classes - 1
            else { return nil }
            let here = places.reduce(0) { $0 + weights[$1] }
            guard here > 0, abs(here - (sum ?? here)) <= 1e-4 * here else { return nil }
            sum = sum ?? here
        }
        // The leaves' values are rounded: the exact sum is 1, or the tree's share of 1.
        let trees = Double(table.roots.count)
        return sum.map { sum in
            .simplex(classes: classes, sum: [1, 1 / trees].first { abs($0 - sum) <= 1e-4 * sum } ?? sum)
        }
    }
}
