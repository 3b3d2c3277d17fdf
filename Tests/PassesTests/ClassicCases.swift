import ONNX
import Tensors

/// Nodes of `ai.onnx.ml` in every form that ONNX Runtime computes in its own way.
enum ClassicCases {
    static var all: [ClassicLoweringTests.Case] { linear + numeric + classifiers + regressors + ensembles }

    /// Three columns: numbers on, below and above the thresholds, 0, and missing ones.
    static func rows(_ type: ElementType, rank: Int, holes: Bool) -> Tensor {
        let column: [Double] = [-1.5, -1, -0.5, 0, 0.25, 0.5, 1, 2, 3, 5, 40, .nan]
        var values: [Double] = []
        for a in column { for b in column { for c in [-0.7, 0.5, 1, 2, .nan] { values += [a, b, c] } } }
        if !holes { values = values.map { $0.isNaN ? 0.5 : $0 } }
        if type == .int64 || type == .int32 { values = values.map { $0.isNaN ? 4 : $0.rounded() } }
        if rank == 1 { values = Array(values.prefix(3)) }
        let shape: Shape = rank == 1 ? [3] : [values.count / 3, 3]
        switch type {
        case .float64: return Tensor(.float64, shape, values)
        case .int64: return Tensor(.int64, shape, values.map { Int64($0) })
        case .int32: return Tensor(.int32, shape, values.map { Int32($0) })
        default: return Tensor(.float32, shape, values.map { Float($0) })
        }
    }

    private static func node(_ type: String, _ outputs: [String], _ attributes: [Attribute]) -> Node {
        Node(type, ["x"], outputs, domain: "ai.onnx.ml", attributes)
    }

    private static let transforms = ["NONE", "LOGISTIC", "SOFTMAX", "SOFTMAX_ZERO", "PROBIT"]

    // MARK: Linear and numeric

    private static var linear: [ClassicLoweringTests.Case] {
        var cases: [ClassicLoweringTests.Case] = []
        for transform in transforms {
            for (rows, labels) in [(1, 2), (2, 2), (3, 3)] where !(transform == "PROBIT" && rows == 1 && labels == 2) {
                // PROBIT wants what lies between 0 and 1.
                let size: Float = transform == "PROBIT" ? 1e-3 : 0.5
                let coefficients = (0..<rows * 3).map { Float($0 % 4 - 1) * size }
                let attributes = [
                    Attribute("coefficients", .floats(coefficients)),
                    Attribute("intercepts", .floats((0..<rows).map { Float($0) * 0.1 + 0.4 })),
                    Attribute("post_transform", .string(transform)),
                ]
                let numbers = Attribute("classlabels_ints", .ints((0..<labels).map { Int64($0) * 3 + 2 }))
                let words = Attribute("classlabels_strings", .strings((0..<labels).map { "class \($0)" }))
                for type in [ElementType.float32, .float64, .int64] where transform != "PROBIT" || type == .float32 {
                    cases.append(
                        .init(
                            name: "LinearClassifier \(transform) \(rows) \(labels) \(type)",
                            node: node("LinearClassifier", ["l", "y"], attributes + [numbers]),
                            type: type))
                }
                cases.append(
                    .init(
                        name: "LinearClassifier \(transform) \(rows) words",
                        node: node("LinearClassifier", ["l", "y"], attributes + [words])))
                cases.append(
                    .init(
                        name: "LinearRegressor \(transform) \(rows)",
                        node: node("LinearRegressor", ["y"], attributes + [Attribute("targets", .int(Int64(rows)))])))
            }
        }
        let mirrored = [
            Attribute("coefficients", .floats([-1, 0.5, -0.25, 1, -0.5, 0.25])), Attribute("intercepts", .floats([-0.2, 0.2])),
            Attribute("post_transform", .string("LOGISTIC")), Attribute("classlabels_ints", .ints([0, 1])),
        ]
        let even = [
            Attribute("coefficients", .floats([1, -1, 0])), Attribute("intercepts", .floats([0])),
            Attribute("classlabels_ints", .ints([4, 7])),
        ]
        for transform in ["NONE", "LOGISTIC"] {
            let attributes = even + [Attribute("post_transform", .string(transform))]
            cases.append(.init(name: "LinearClassifier \(transform) scores of 0", node: node("LinearClassifier", ["l", "y"], attributes)))
        }
        cases.append(.init(name: "LinearClassifier mirrored", node: node("LinearClassifier", ["l", "y"], mirrored)))
        cases.append(.init(name: "LinearClassifier one row", node: node("LinearClassifier", ["l", "y"], mirrored), rank: 1))
        cases.append(
            .init(
                name: "LinearRegressor no intercepts",
                node: node("LinearRegressor", ["y"], [Attribute("coefficients", .floats([1, 2, 3])), Attribute("targets", .int(1))])))
        return cases
    }

    private static var numeric: [ClassicLoweringTests.Case] {
        var cases: [ClassicLoweringTests.Case] = []
        let scaled = [Attribute("offset", .floats([1, -2, 0.3])), Attribute("scale", .floats([0.1, 3, -1]))]
        for type in [ElementType.float32, .float64, .int64, .int32] {
            cases.append(.init(name: "Scaler \(type)", node: node("Scaler", ["y"], scaled), type: type))
            for norm in ["MAX", "L1", "L2"] {
                cases.append(
                    .init(
                        name: "Normalizer \(norm) \(type)", node: node("Normalizer", ["y"], [Attribute("norm", .string(norm))]), type: type)
                )
            }
            cases.append(
                .init(
                    name: "FeatureVectorizer \(type)", node: node("FeatureVectorizer", ["y"], [Attribute("inputdimensions", .ints([3]))]),
                    type: type))
        }
        // The number and the offset are the same in float32, and not in float64.
        let close = [Attribute("offset", .floats([0, 0, -0.7])), Attribute("scale", .floats([1, 1, 1e8]))]
        cases.append(.init(name: "Scaler float64, a small difference", node: node("Scaler", ["y"], close), type: .float64))
        cases.append(
            .init(name: "Scaler one", node: node("Scaler", ["y"], [Attribute("offset", .floats([1])), Attribute("scale", .floats([2]))])))
        cases.append(.init(name: "Scaler one row", node: node("Scaler", ["y"], scaled), rank: 1))
        for (width, name) in [(2, "cut"), (5, "filled")] {
            cases.append(
                .init(
                    name: "FeatureVectorizer \(name)",
                    node: node("FeatureVectorizer", ["y"], [Attribute("inputdimensions", .ints([Int64(width)]))])))
        }
        for (replaced, values) in [(Float.nan, [Float(9), 8, 7]), (0.5, [3]), (.nan, [1])] {
            cases.append(
                .init(
                    name: "Imputer \(replaced) \(values.count)",
                    node: node(
                        "Imputer", ["y"],
                        [Attribute("imputed_value_floats", .floats(values)), Attribute("replaced_value_float", .float(replaced))])))
        }
        cases.append(.init(name: "Binarizer", node: node("Binarizer", ["y"], [Attribute("threshold", .float(0.5))]), hasHoles: false))
        return cases
    }

    // MARK: Trees

    /// Three trees: one of two levels over two columns, one of a single branch, and one that is a leaf. The modes change from branch to
    /// branch.
    private static func branches(_ modes: [String], missing: [Int64]?) -> [Attribute] {
        func mode(_ number: Int) -> String { modes[number % modes.count] }
        var attributes = [
            Attribute("nodes_treeids", .ints([0, 0, 0, 0, 0, 1, 1, 1, 2])), Attribute("nodes_nodeids", .ints([0, 1, 2, 3, 4, 0, 1, 2, 0])),
            Attribute("nodes_featureids", .ints([0, 1, 0, 0, 0, 2, 0, 0, 0])),
            Attribute("nodes_modes", .strings([mode(0), mode(1), "LEAF", "LEAF", "LEAF", mode(2), "LEAF", "LEAF", "LEAF"])),
            Attribute("nodes_values", .floats([0.5, 1, 0, 0, 0, 0.5, 0, 0, 0])),
            Attribute("nodes_truenodeids", .ints([1, 2, 0, 0, 0, 2, 0, 0, 0])),
            Attribute("nodes_falsenodeids", .ints([4, 3, 0, 0, 0, 1, 0, 0, 0])),
        ]
        if let missing { attributes.append(Attribute("nodes_missing_value_tracks_true", .ints(missing))) }
        return attributes
    }

    private static let modes = ["BRANCH_LEQ", "BRANCH_LT", "BRANCH_GTE", "BRANCH_GT", "BRANCH_EQ", "BRANCH_NEQ"]
    /// Tree and node of each leaf.
    private static let leaves: [(Int64, Int64)] = [(0, 2), (0, 3), (0, 4), (1, 1), (1, 2), (2, 0)]

    /// - Parameter targets: for each leaf, which targets it has values of.
    private static func values(_ prefix: String, _ weights: String, _ targets: [[Int64]], negative: Bool, small: Bool = false)
        -> [Attribute]
    {
        var trees: [Int64] = [], nodes: [Int64] = [], ids: [Int64] = [], numbers: [Float] = []
        for (leaf, targets) in zip(leaves, targets) {
            for target in targets {
                trees.append(leaf.0)
                nodes.append(leaf.1)
                ids.append(target)
                let number = Float((numbers.count * 7 + 3) % 11) / 33
                numbers.append((negative && numbers.count % 3 == 1 ? -number : number) * (small ? 0.9 : 1))
            }
        }
        return [
            Attribute(prefix + "_treeids", .ints(trees)), Attribute(prefix + "_nodeids", .ints(nodes)),
            Attribute(prefix + "_ids", .ints(ids)),
            Attribute(weights, .floats(numbers)),
        ]
    }

    private static var classifiers: [ClassicLoweringTests.Case] {
        var cases: [ClassicLoweringTests.Case] = []
        func add(
            _ name: String, _ targets: [[Int64]], classes: Int, negative: Bool, _ transform: String, base: [Float] = [],
            words: Bool = false,
            type: ElementType = .float32
        ) {
            var attributes = branches(["BRANCH_LEQ"], missing: nil) + values("class", "class_weights", targets, negative: negative)
            attributes.append(Attribute("post_transform", .string(transform)))
            attributes.append(
                words
                    ? Attribute("classlabels_strings", .strings((0..<classes).map { "class \($0)" }))
                    : Attribute("classlabels_int64s", .ints((0..<classes).map { Int64($0) * 2 + 5 })))
            if !base.isEmpty { attributes.append(Attribute("base_values", .floats(base))) }
            cases.append(
                .init(
                    name: "TreeEnsembleClassifier \(name) \(transform) base \(base)\(negative ? " negative" : "")"
                        + "\(words ? " words" : "") \(type)",
                    node: node("TreeEnsembleClassifier", ["l", "y"], attributes), type: type))
        }
        let all = leaves.map { _ in [Int64(0), 1, 2] }
        for transform in transforms {
            let negative = transform != "PROBIT"
            for base in [[], [0.1, -0.05, 0.2]] as [[Float]] where negative || base.isEmpty {
                add("3", all, classes: 3, negative: negative, transform, base: base)
            }
            // Some leaves say nothing of some classes.
            add("3 sparse", [[0], [1], [0, 2], [1], [1, 2], [0]], classes: 3, negative: false, transform)
            guard transform != "PROBIT" else { continue }
            for sign in [false, true] {
                for base in [[], [0.1], [0.1, -0.2]] as [[Float]] {
                    add("2 first", leaves.map { _ in [0] }, classes: 2, negative: sign, transform, base: base)
                    add("2 second", leaves.map { _ in [1] }, classes: 2, negative: sign, transform, base: base)
                    add("2 both", leaves.map { _ in [0, 1] }, classes: 2, negative: sign, transform, base: base)
                    if base.count != 1 {
                        add("2 as it comes", [[0], [0, 1], [0], [0], [0, 1], [0]], classes: 2, negative: sign, transform, base: base)
                    }
                }
            }
        }
        add("3 sparse", [[0], [1], [0, 2], [1], [1, 2], [0]], classes: 3, negative: true, "NONE")
        add("3, one unknown", leaves.map { _ in [0, 1] }, classes: 3, negative: true, "NONE", base: [])
        add("2 words", leaves.map { _ in [0] }, classes: 2, negative: true, "LOGISTIC", words: true)
        add("3 words", all, classes: 3, negative: true, "SOFTMAX", words: true)
        for type in [ElementType.float64, .int64, .int32] {
            add("3", all, classes: 3, negative: true, "SOFTMAX", type: type)
            add("2", leaves.map { _ in [0] }, classes: 2, negative: false, "NONE", type: type)
        }
        return cases
    }

    private static var regressors: [ClassicLoweringTests.Case] {
        var cases: [ClassicLoweringTests.Case] = []
        func add(
            _ name: String, _ modes: [String], missing: [Int64]?, _ targets: [[Int64]], count: Int, _ more: [Attribute],
            type: ElementType = .float32, small: Bool = false
        ) {
            let attributes =
                branches(modes, missing: missing) + values("target", "target_weights", targets, negative: !small, small: small)
                + [Attribute("n_targets", .int(Int64(count)))] + more
            cases.append(
                .init(name: "TreeEnsembleRegressor \(name) \(type)", node: node("TreeEnsembleRegressor", ["y"], attributes), type: type))
        }
        let one = leaves.map { _ in [Int64(0)] }
        let tracks: [Int64] = [1, 0, 0, 0, 0, 1, 0, 0, 0]
        for mode in modes {
            for type in [ElementType.float32, .float64] { add(mode, [mode], missing: nil, one, count: 1, [], type: type) }
            add(mode + " missing", [mode], missing: tracks, one, count: 1, [])
            for other in modes where other != mode { add("\(mode) \(other) missing", [mode, other], missing: tracks, one, count: 1, []) }
        }
        for aggregate in ["SUM", "AVERAGE", "MIN", "MAX"] {
            let how = Attribute("aggregate_function", .string(aggregate))
            for transform in transforms {
                let then = Attribute("post_transform", .string(transform))
                let small = transform == "PROBIT"
                add("\(aggregate) \(transform)", ["BRANCH_LEQ"], missing: nil, one, count: 1, [how, then], small: small)
                guard !(small && aggregate == "SUM") else { continue }
                add(
                    "\(aggregate) \(transform) 2", ["BRANCH_LEQ"], missing: nil, leaves.map { _ in [0, 1] }, count: 2, [how, then],
                    small: small)
            }
            add("\(aggregate) base", ["BRANCH_LEQ"], missing: nil, one, count: 1, [how, Attribute("base_values", .floats([0.7]))])
            add(
                "\(aggregate) base 2", ["BRANCH_LEQ"], missing: nil, leaves.map { _ in [1, 0] }, count: 2,
                [how, Attribute("base_values", .floats([0.7, -1]))])
            add("\(aggregate) sparse", ["BRANCH_LEQ"], missing: nil, [[0], [1], [0, 2], [1], [1, 2], [0]], count: 3, [how])
            add("\(aggregate) twice", ["BRANCH_LEQ"], missing: nil, [[0, 0], [1], [0, 1], [1, 1], [1], [0]], count: 2, [how])
            add("\(aggregate) twice 1", ["BRANCH_LEQ"], missing: nil, [[0, 0], [0], [0], [0, 0], [0], [0]], count: 1, [how])
        }
        return cases
    }

    private static var ensembles: [ClassicLoweringTests.Case] {
        var cases: [ClassicLoweringTests.Case] = []
        func tensor(_ values: [Double], _ type: ElementType) -> AttributeValue {
            .tensor(
                StoredTensor(
                    "",
                    type == .float64 ? Tensor(.float64, [values.count], values) : Tensor(.float32, [values.count], values.map { Float($0) })
                ))
        }
        func add(
            _ name: String, _ modes: [UInt8], members: [Double] = [], missing: [Int64]? = nil, targets: Int64 = 2, _ aggregate: Int64 = 1,
            _ transform: Int64 = 0,
            type: ElementType = .float32
        ) {
            var attributes = [
                Attribute("nodes_featureids", .ints([0, 1, 2])),
                Attribute("nodes_modes", .tensor(StoredTensor("", Tensor(.uint8, [3], modes)))),
                Attribute("nodes_splits", tensor([0.5, 1, 2], type)), Attribute("nodes_truenodeids", .ints([1, 0, 3])),
                Attribute("nodes_trueleafs", .ints([0, 1, 1])), Attribute("nodes_falsenodeids", .ints([2, 1, 4])),
                Attribute("nodes_falseleafs", .ints([1, 1, 1])), Attribute("tree_roots", .ints([0, 2])),
                Attribute("leaf_targetids", .ints([0, 1, 0, 1, 0].map { $0 % targets })),
                Attribute("leaf_weights", tensor([0.5, -0.25, 0.125, 0.75, 0.3], type)),
                Attribute("n_targets", .int(targets)), Attribute("aggregate_function", .int(aggregate)),
                Attribute("post_transform", .int(transform)),
            ]
            if !members.isEmpty { attributes.append(Attribute("membership_values", tensor(members, type))) }
            if let missing { attributes.append(Attribute("nodes_missing_value_tracks_true", .ints(missing))) }
            cases.append(.init(name: "TreeEnsemble \(name) \(type)", node: node("TreeEnsemble", ["y"], attributes), type: type))
        }
        for type in [ElementType.float32, .float64] {
            for mode in UInt8(0)...5 { add("mode \(mode)", [mode, mode, mode], type: type) }
            add("mixed", [0, 5, 3], missing: [1, 0, 1], type: type)
            for aggregate in Int64(0)...3 { add("aggregate \(aggregate)", [0, 0, 0], aggregate, type: type) }
            for aggregate in Int64(0)...3 { add("one target, aggregate \(aggregate)", [0, 2, 0], targets: 1, aggregate, type: type) }
            for transform in Int64(0)...3 { add("transform \(transform)", [0, 0, 0], 1, transform, type: type) }
            add("members", [6, 0, 6], members: [1, 2, 3, .nan, 2, 5, .nan], type: type)
            add("members, the smaller set first", [6, 0, 6], members: [3, .nan, 1, 2, 5, .nan], type: type)
            add("members missing", [6, 0, 6], members: [1, 2, 3, .nan, 2, 5, .nan], missing: [1, 0, 0], type: type)
            add("members far apart", [6, 0, 6], members: [1, 2, 40, .nan, -1, 5, 100, .nan], type: type)
            add("members of fractions", [6, 0, 6], members: [0.5, 2, .nan, 1, .nan], type: type)
        }
        return cases
    }
}
