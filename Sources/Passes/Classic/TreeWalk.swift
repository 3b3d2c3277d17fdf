import ONNX
import Tensors

extension TreeTable {
    /// The largest number of levels in all trees together for which an ensemble is unrolled: 2,000 trees of 128 levels are about as many.
    static let mostLevels = 1 << 18
    /// The number of bytes that one row of a batch needs for one level of one tree: the node where it is, and the values that are compared
    /// there.
    private static let bytesPerLevel = 48

    func checkSize() throws(Lowering.Refused) {
        let levels = max(depth, 1) * roots.count
        guard levels > Self.mostLevels else { return }
        let gibibytes = Double(levels * Self.bytesPerLevel * 32) / Double(1 << 30)
        throw .tooLarge(
            "it has \(roots.count) trees of up to \(depth) levels, \(levels) together, and training walks them all for every row: a batch "
                + "of 32 rows needs up to \(Int(gibibytes.rounded(.up))) GiB; at most \(Self.mostLevels) levels are trained")
    }

    /// Returns the number of the leaf that each row `[N, F]` reaches in each tree: `[N, T]`, int64.
    func leaves(_ x: String, _ type: ElementType, _ l: inout Lowering) -> String {
        let arrays = NodeArrays(table: self, type: type)
        var node: String?
        for _ in 0..<max(depth, 1) {
            let value: String
            if let node {
                value = l.add("GatherElements", [x, arrays.features(at: node, &l)], [Attribute("axis", .int(1))])
            } else {
                value = l.add("Gather", [x, arrays.features(at: nil, &l)], [Attribute("axis", .int(1))])
            }
            let isYes = condition(value, node, arrays, &l)
            node = l.add("Where", [isYes, arrays.integers(yes, "yes", at: node, &l), arrays.integers(no, "no", at: node, &l)])
        }
        let reached = node ?? ""
        return branchCount == 0 ? reached : l.add("Sub", [reached, l.constant(Tensor(.int64, [], [Int64(branchCount)]))])
    }

    private func condition(_ value: String, _ node: String?, _ arrays: NodeArrays, _ l: inout Lowering) -> String {
        let used = Set(modes.prefix(branchCount)).sorted { $0.rawValue < $1.rawValue }
        var result: String?
        for mode in used.isEmpty ? [.lessOrEqual] : used {
            var holds = compared(value, mode, node, arrays, &l)
            if used.count > 1 {
                let isMode = arrays.booleans(modes.map { $0 == mode }, "is \(mode)", at: node, &l)
                holds = l.add("And", [holds, isMode])
            }
            result = result.map { l.add("Or", [$0, holds]) } ?? holds
        }
        let holds = result ?? ""
        guard takesMissing.contains(true) else { return holds }
        return l.add("Or", [holds, l.add("And", [l.add("IsNaN", [value]), arrays.booleans(takesMissing, "missing", at: node, &l)])])
    }

    private func compared(_ value: String, _ mode: Mode, _ node: String?, _ arrays: NodeArrays, _ l: inout Lowering) -> String {
        let operators: [Mode: String] = [
            .lessOrEqual: "LessOrEqual", .less: "Less", .greaterOrEqual: "GreaterOrEqual", .greater: "Greater",
        ]
        if mode == .member {
            let sets = arrays.members(at: node, &l)
            let equal = l.add("Equal", [l.add("Unsqueeze", [value, l.integers([2])]), sets])
            return l.cast(l.reduce("ReduceMax", l.cast(equal, .float32), axis: 2, keep: false), .bool)
        }
        let threshold = arrays.thresholds(at: node, &l)
        if let name = operators[mode] { return l.add(name, [value, threshold]) }
        let equal = l.add("Equal", [value, threshold])
        return mode == .equal ? equal : l.add("Not", [equal])
    }
}

/// Gives the properties of the nodes that a walk has reached: constants `[T]` for the roots, and later values that are gathered from one
/// constant for all nodes.
private final class NodeArrays {
    let table: TreeTable
    let type: ElementType
    private var constants: [String: String] = [:]

    init(table: TreeTable, type: ElementType) {
        self.table = table
        self.type = type
    }

    private func at(_ node: String?, _ key: String, _ l: inout Lowering, _ constant: ([Int], inout Lowering) -> String) -> String {
        guard let node else { return constant(table.roots.map { Int($0) }, &l) }
        let known = constants[key] ?? constant(Array(table.features.indices), &l)
        constants[key] = known
        return l.add("Gather", [known, node])
    }

    func features(at node: String?, _ l: inout Lowering) -> String { integers(table.features, "features", at: node, &l) }

    func integers(_ values: [Int64], _ key: String, at node: String?, _ l: inout Lowering) -> String {
        at(node, key, &l) { nodes, l in l.integers(nodes.map { values[$0] }) }
    }

    func booleans(_ values: [Bool], _ key: String, at node: String?, _ l: inout Lowering) -> String {
        at(node, key, &l) { nodes, l in l.constant(Tensor(.bool, [nodes.count], nodes.map { values[$0] })) }
    }

    func thresholds(at node: String?, _ l: inout Lowering) -> String {
        at(node, "thresholds", &l) { [table, type] nodes, l in l.numbers(nodes.map { table.thresholds[$0] }, type) }
    }

    /// Returns `[nodes, M]`: the members of each node's set, filled up with NaN, which equals nothing.
    func members(at node: String?, _ l: inout Lowering) -> String {
        let width = max(table.members.values.map(\.count).max() ?? 0, 1)
        return at(node, "members", &l) { [table, type] nodes, l in
            let rows = nodes.flatMap { node in
                let set = table.members[node] ?? []
                return set + Array(repeating: .nan, count: width - set.count)
            }
            return l.numbers(rows, type, [nodes.count, width])
        }
    }
}
