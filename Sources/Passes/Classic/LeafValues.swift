import ONNX
import Tensors

/// Holds the values that the leaves reached by a row give together: one for each target, and whether any of the leaves has a value for it.
struct LeafValues {
    enum Aggregate: String { case sum = "SUM", average = "AVERAGE", least = "MIN", greatest = "MAX" }

    /// The sum, average, least or greatest of the leaves' values, `[N, K]`.
    let total: String
    /// Says whether any leaf that a row reaches has a value for a target: always, never, or depending on the row (a value `[N, 1]` of
    /// bool).
    enum Presence {
        case always, never
        case varies(String)
    }
    let presence: [Presence]
}

extension TreeTable {
    /// - Parameters:
    ///   - leaf: the leaves `[N, T]` that `leaves(_:_:_:)` gives.
    ///   - parameter: the initializer of all values, `[E]`.
    func aggregated(
        _ leaf: String, _ parameter: String, count: Int, targets: Int, _ aggregate: LeafValues.Aggregate, from stored: ElementType,
        in type: ElementType, _ l: inout Lowering
    ) throws(Lowering.Refused) -> LeafValues {
        guard values.allSatisfy({ $0.keys.allSatisfy { (0..<targets).contains($0) } }) else { throw .notKnown }
        // With one target, ONNX Runtime reads only the first value of a leaf.
        let width = targets == 1 ? 1 : values.flatMap { $0.values.map(\.count) }.max() ?? 1
        var places: [Int64] = []
        places.reserveCapacity(leafCount * targets * width)
        for leaf in values {
            for target in 0..<targets {
                let found = (leaf[target] ?? []).prefix(width)
                places += found.map(Int64.init) + Array(repeating: Int64(count), count: width - found.count)
            }
        }
        var source = parameter
        if places.contains(Int64(count)) {
            let neutral: Double = aggregate == .least ? .infinity : aggregate == .greatest ? -.infinity : 0
            source = l.add("Concat", [parameter, l.numbers([neutral], stored)], [Attribute("axis", .int(0))])
        }
        let shape: Shape = targets == 1 ? [leafCount] : width == 1 ? [leafCount, targets] : [leafCount, targets, width]
        let entries = l.add("Gather", [l.constant(Tensor(.int64, shape, places)), leaf])
        var read = l.add("Gather", [source, entries])
        if stored != type { read = l.cast(read, type) }
        let reduction = aggregate == .least ? "ReduceMin" : aggregate == .greatest ? "ReduceMax" : "ReduceSum"
        if width > 1 { read = l.reduce(reduction, read, axis: -1, keep: false) }
        var total = l.reduce(reduction, read, axis: 1, keep: targets == 1)
        if aggregate == .average { total = l.add("Div", [total, l.number(Double(roots.count), type)]) }
        let presence = presences(leaf, targets, &l)
        if aggregate == .least || aggregate == .greatest, !presence.allSatisfy(\.isCertain) {
            total = l.add("Where", [l.add("IsInf", [total]), l.number(0, type), total])
        }
        return LeafValues(total: total, presence: presence)
    }

    private func presences(_ leaf: String, _ targets: Int, _ l: inout Lowering) -> [LeafValues.Presence] {
        if targets == 1 { return [.always] }
        let sets = roots.map { leavesBelow(Int($0)) }
        var gathered: String?
        return (0..<targets).map { target in
            if !values.contains(where: { $0[target] != nil }) { return .never }
            if sets.contains(where: { $0.allSatisfy { values[$0][target] != nil } }) { return .always }
            let says =
                gathered
                ?? {
                    let table = values.flatMap { leaf in (0..<targets).map { leaf[$0] == nil ? Float(0) : 1 } }
                    let read = l.add("Gather", [l.constant(Tensor(.float32, [leafCount, targets], table)), leaf])
                    return l.cast(l.reduce("ReduceMax", read, axis: 1, keep: false), .bool)
                }()
            gathered = says
            return .varies(l.columns(says, Int64(target)..<Int64(target + 1)))
        }
    }

    private func leavesBelow(_ root: Int) -> [Int] {
        var found: Set<Int> = [], seen: Set<Int> = [root], stack = [root]
        while let node = stack.popLast() {
            if node >= branchCount {
                found.insert(node - branchCount)
                continue
            }
            for next in [Int(yes[node]), Int(no[node])] where seen.insert(next).inserted { stack.append(next) }
        }
        return found.sorted()
    }
}

extension LeafValues.Presence {
    var isCertain: Bool { if case .varies = self { false } else { true } }
}
