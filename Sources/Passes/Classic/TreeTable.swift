import ONNX
import Tensors

/// Holds the trees of an ensemble as flat arrays with one numbering of nodes: branches first, then leaves. A leaf leads to itself, so that
/// a walk may take more steps than its tree is deep.
struct TreeTable {
    enum Mode: Int {
        case lessOrEqual, less, greaterOrEqual, greater, equal, notEqual, member

        init?(_ word: String) {
            switch word {
            case "BRANCH_LEQ": self = .lessOrEqual
            case "BRANCH_LT": self = .less
            case "BRANCH_GTE": self = .greaterOrEqual
            case "BRANCH_GT": self = .greater
            case "BRANCH_EQ": self = .equal
            case "BRANCH_NEQ": self = .notEqual
            default: return nil
            }
        }
    }

    /// The feature that each node compares. This array and the five after it are indexed by node.
    private(set) var features: [Int64] = []
    private(set) var thresholds: [Double] = []
    private(set) var modes: [Mode] = []
    private(set) var takesMissing: [Bool] = []
    private(set) var yes: [Int64] = []
    private(set) var no: [Int64] = []
    /// The values in the set of a `member` branch, by node.
    private(set) var members: [Int: [Double]] = [:]
    /// The number of branches, which are the first nodes.
    private(set) var branchCount = 0
    private(set) var roots: [Int64] = []
    /// The places of each leaf's values in the attribute, by target.
    private(set) var values: [[Int: [Int]]] = []
    private(set) var depth = 0

    var leafCount: Int { values.count }

    private mutating func addBranch(_ feature: Int64, _ threshold: Double, _ mode: Mode, missing: Bool) {
        features.append(feature)
        thresholds.append(threshold)
        modes.append(mode)
        takesMissing.append(missing)
    }

    private mutating func addLeaves() {
        branchCount = features.count
        for leaf in values.indices {
            addBranch(0, 0, modes.first ?? .lessOrEqual, missing: false)
            yes.append(Int64(branchCount + leaf))
            no.append(Int64(branchCount + leaf))
        }
    }

    /// Returns the length of the longest path from a root to a leaf; `nil` where a path does not end.
    private func measured() -> Int? {
        var depths = [Int](repeating: -1, count: features.count)
        var open = [Bool](repeating: false, count: features.count)
        for leaf in branchCount..<features.count { depths[leaf] = 0 }
        for root in roots {
            var stack = [Int(root)]
            while let node = stack.last {
                let next = [Int(yes[node]), Int(no[node])].filter { depths[$0] < 0 }
                if depths[node] >= 0 {
                    stack.removeLast()
                } else if next.isEmpty {
                    depths[node] = 1 + max(depths[Int(yes[node])], depths[Int(no[node])])
                    open[node] = false
                    stack.removeLast()
                } else {
                    if open[node], next.contains(where: { open[$0] }) { return nil }
                    open[node] = true
                    stack += next
                }
            }
        }
        return roots.map { depths[Int($0)] }.max()
    }
}

// MARK: - TreeEnsembleClassifier and TreeEnsembleRegressor

extension TreeTable {
    private struct NodeKey: Hashable {
        let tree: Int64
        let node: Int64
    }

    /// - Parameter prefix: the beginning of the names of the leaves' attributes, `class` or `target`.
    init?(nodesOf l: Lowering, prefix: String) {
        let trees = l.ints("nodes_treeids"), ids = l.ints("nodes_nodeids"), features = l.ints("nodes_featureids")
        let yesIDs = l.ints("nodes_truenodeids"), noIDs = l.ints("nodes_falsenodeids"), missing = l.ints("nodes_missing_value_tracks_true")
        let words = l.node.attribute("nodes_modes")?.strings ?? []
        let numbers = l.numbers("nodes_values")
        let thresholds = numbers.isEmpty ? l.numbers("nodes_values_as_tensor") : numbers
        let count = trees.count
        guard count > 0, [ids.count, features.count, yesIDs.count, noIDs.count, words.count, thresholds.count].allSatisfy({ $0 == count })
        else { return nil }
        // Branches and leaves are numbered separately, each in the order of the file.
        var numbering: [NodeKey: Int] = [:], branches: [Int] = [], leaves: [NodeKey: Int] = [:], order: [NodeKey] = []
        for position in 0..<count {
            let key = NodeKey(tree: trees[position], node: ids[position])
            guard numbering[key] == nil else { return nil }
            if words[position] == "LEAF" {
                leaves[key] = order.count
                order.append(key)
                numbering[key] = -order.count
            } else {
                numbering[key] = branches.count
                branches.append(position)
            }
        }
        func number(_ tree: Int64, _ node: Int64) -> Int64? {
            numbering[NodeKey(tree: tree, node: node)].map { Int64($0 < 0 ? branches.count - $0 - 1 : $0) }
        }
        for position in branches {
            guard let mode = Mode(words[position]), let onYes = number(trees[position], yesIDs[position]),
                let onNo = number(trees[position], noIDs[position])
            else { return nil }
            addBranch(features[position], thresholds[position], mode, missing: position < missing.count && missing[position] == 1)
            yes.append(onYes)
            no.append(onNo)
        }
        for position in 0..<count where position == 0 || trees[position] != trees[position - 1] {
            guard let root = number(trees[position], ids[position]) else { return nil }
            roots.append(root)
        }
        values = Array(repeating: [:], count: order.count)
        let valueTrees = l.ints(prefix + "_treeids"), valueNodes = l.ints(prefix + "_nodeids"), targets = l.ints(prefix + "_ids")
        guard valueTrees.count == targets.count, valueNodes.count == targets.count else { return nil }
        for entry in targets.indices {
            let key = NodeKey(tree: valueTrees[entry], node: valueNodes[entry])
            // Values of branches, which old exporters wrote, are ignored.
            if let leaf = leaves[key] { values[leaf][Int(targets[entry]), default: []].append(entry) }
        }
        guard values.allSatisfy({ !$0.isEmpty }) else { return nil }
        addLeaves()
        guard let depth = measured() else { return nil }
        self.depth = depth
    }
}

// MARK: - TreeEnsemble

extension TreeTable {
    init?(ensemble l: Lowering) {
        let features = l.ints("nodes_featureids"), yesIDs = l.ints("nodes_truenodeids"), noIDs = l.ints("nodes_falsenodeids")
        let yesLeaves = l.ints("nodes_trueleafs"), noLeaves = l.ints("nodes_falseleafs")
        let missing = l.ints("nodes_missing_value_tracks_true")
        let thresholds = l.numbers("nodes_splits"), targets = l.ints("leaf_targetids"), starts = l.ints("tree_roots")
        let codes: [UInt8]
        do { codes = try l.node.attribute("nodes_modes")?.tensor?.tensor().values(as: UInt8.self) ?? [] } catch { return nil }
        let count = features.count
        guard count > 0, !starts.isEmpty, !targets.isEmpty,
            [yesIDs.count, noIDs.count, yesLeaves.count, noLeaves.count, thresholds.count, codes.count].allSatisfy({ $0 == count })
        else { return nil }
        var sets = l.numbers("membership_values").split(omittingEmptySubsequences: false) { $0.isNaN }.map(Array.init)[...]
        for node in 0..<count {
            guard let mode = Mode(rawValue: Int(codes[node])) else { return nil }
            if mode == .member { members[node] = sets.popFirst() ?? [] }
            addBranch(features[node], thresholds[node], mode, missing: node < missing.count && missing[node] == 1)
            yes.append(yesLeaves[node] != 0 ? Int64(count) + yesIDs[node] : yesIDs[node])
            no.append(noLeaves[node] != 0 ? Int64(count) + noIDs[node] : noIDs[node])
        }
        values = targets.enumerated().map { [Int($1): [$0]] }
        addLeaves()
        let known = 0..<Int64(count + targets.count)
        guard (yes + no).allSatisfy(known.contains) else { return nil }
        for root in starts {
            guard (0..<Int64(count)).contains(root) else { return nil }
            let node = Int(root)
            // In a tree of a single leaf, ONNX Runtime takes the leaf with the number of the root.
            let isLeaf = yesIDs[node] == noIDs[node] && yesLeaves[node] != 0 && noLeaves[node] != 0
            guard !isLeaf || node < targets.count else { return nil }
            roots.append(isLeaf ? Int64(count) + root : root)
        }
        guard let depth = measured() else { return nil }
        self.depth = depth
    }
}
