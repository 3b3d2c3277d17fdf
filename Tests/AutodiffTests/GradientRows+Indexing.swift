import ONNX
import Tensors

extension GradientRows {
    static let indexing: [GradientCase] = [
        row("Gather", [.float([5, 3]), .int64([4, 0, 0, -2])], [], "rows, one of them twice"),
        row("Gather", [.float([5, 3]), .int64([2, 0, 0, -1], [2, 2])], [int("axis", 1)], "columns"),
        row("Gather", [.float([2, 5, 3]), .int64([4, 0, -1, 0, 1, 1], [2, 3])], [int("axis", 1)], "the middle axis"),
        row("Gather", [.float([2, 5, 3]), .int64([-2], [])], [int("axis", 1)], "one place"),
        row("Gather", [.float([5, 3]), .int64([2], [])], [], "one row"),
        row("GatherElements", [.float([3, 4]), .int64([0, 2, 2, -1, 1, 0, 0, 0], [2, 4])], [], "axis 0") { $0.openness = .ranks },
        row("GatherElements", [.float([3, 4]), .int64([0, 2, 2, -1, 1, 1], [3, 2])], [int("axis", 1)], "axis 1") { $0.openness = .ranks },
        row("GatherND", [.float([3, 4, 2]), .int64([0, 1, 2, 3, 0, 1], [3, 2])], [], "vectors") { $0.openness = .ranks },
        row("GatherND", [.float([2, 3, 4]), .int64([0, 1, -1, 3], [2, 1, 2])], [int("batch_dims", 1)], "batches"),
        row("ScatterND", [.float([4, 3]), .int64([1, 3], [2, 1]), .float([2, 3])], [], "rows replaced"),
        row("ScatterND", [.float([4, 3]), .int64([1, 1], [2, 1]), .float([2, 3])], [string("reduction", "add")], "rows added"),
        row("ScatterElements", [.float([3, 4]), .int64([0, 2, 1, 1], [1, 4]), .float([1, 4])], [], "replaced"),
        row(
            "ScatterElements", [.float([3, 4]), .int64([0, 0, 1, -1], [2, 2]), .float([2, 2])],
            [int("axis", 1), string("reduction", "add")], "added"),
        row(
            "ScatterElements", [.float([3, 4]), .int64([0, 0, 1, -1], [2, 2]), .float([2, 2])],
            [int("axis", 1), string("reduction", "mul")], "multiplied"),
        row(
            "ScatterElements",
            [
                .numbers([2, 4], [2, 0, 0, 1.5, 1, 3, 0.5, 0]), .int64([0, 1, 2, 2, 3, 3, 0, 0], [2, 4]),
                .numbers([2, 4], [0, 2, 0, 3, 0, 0.5, -2, 0]),
            ], [int("axis", 1), string("reduction", "mul")], "multiplied, with zeros"),
        row(
            "ScatterElements",
            [.numbers([3, 2], [1, 2, 3, 4, 5, 6]), .int64([0, 0, 0, 2, 1, 2], [3, 2]), .numbers([3, 2], [1.5, 2.5, 0.5, 5.5, 2, 7])],
            [string("reduction", "max")], "the largest"),
        row(
            "ScatterElements",
            [.numbers([3, 2], [1, 2, 3, 4, 5, 6]), .int64([0, 0, 0, 2, 1, 2], [3, 2]), .numbers([3, 2], [1.5, 1.7, 0.5, 5.5, 2, 7])],
            [string("reduction", "min")], "the least"),
        row("ScatterND", [.float([4, 3]), .int64([1, 1, 0], [3, 1]), .float([3, 3])], [string("reduction", "mul")], "rows multiplied"),
        row(
            "ScatterND", [.numbers([2, 2], [1, 2, 3, 4]), .int64([0, 1, 1, 0, 0, 1], [3, 2]), .numbers([3], [2.5, 2.8, 1])],
            [string("reduction", "max")], "the largest"),
        row(
            "ScatterND", [.numbers([3, 2], [1, 2, 3, 4, 5, 6]), .int64([1, 2, 1], [3, 1]), .numbers([3, 2], [2.5, 5, 6, 7, 2, 3])],
            [string("reduction", "min")], "rows, the least"),
        row("TensorScatter", [.float([3, 2, 5, 2]), .float([3, 2, 2, 2]), .int64([1, 0, 3])], [], "each row from its own place") {
            $0.opset = 24
        },
        row(
            "TensorScatter", [.float([2, 4, 3]), .float([2, 3, 3]), .int64([3, 1])], [string("mode", "circular"), int("axis", 1)],
            "circular"
        ) { $0.opset = 24 },
        row("TensorScatter", [.float([2, 4, 3]), .float([2, 4, 2])], [int("axis", 2)], "from the beginning") { $0.opset = 24 },
        row("TopK", [.numbers([2, 4], [1, 4, 2, 3, 8, 5, 7, 6]), .int64([2])], [], "") {
            $0.outputCount = 2; $0.seeded = [0]; $0.openness = .ranks
        },
        row(
            "TopK", [.numbers([4, 2], [1, 4, 2, 3, 8, 5, 7, 6]), .int64([3])], [int("axis", 0), int("largest", 0)], "smallest of columns"
        ) {
            $0.outputCount = 2; $0.seeded = [0]
        },
        row("Compress", [.float([3, 4]), .flags([3], [true, false, true])], [int("axis", 0)], "rows") { $0.openness = .ranks },
        row("Compress", [.float([3, 2]), .flags([5], [true, false, true, false, true])], [], "flattened") { $0.openness = .ranks },
    ]

    static let recurrent: [GradientCase] = [
        row("Attention", [.float([2, 3, 4, 8]), .float([2, 3, 5, 8]), .float([2, 3, 5, 6])], [], "four axes") { $0.fixedHeads() },
        row(
            "Attention", [.float([2, 4, 24]), .float([2, 5, 12]), .float([2, 5, 12])],
            [int("q_num_heads", 4), int("kv_num_heads", 2), float("scale", 0.7)], "groups of heads"
        ) { $0.fixedHeads() },
        row(
            "Attention", [.float([1, 2, 4, 8]), .float([1, 2, 4, 8]), .float([1, 2, 4, 8]), .float([4, 4])], [int("is_causal", 1)],
            "causal, a mask added"
        ) { $0.fixedHeads() },
        row(
            "Attention",
            [
                .float([1, 2, 2, 4]), .float([1, 2, 3, 4]), .float([1, 2, 3, 4]), .flags([2, 3], [true, false, true, true, true, false]),
            ], [float("softcap", 2)], "a mask, capped"
        ) { $0.fixedHeads() },
        row(
            "Attention",
            [.float([1, 2, 2, 4]), .float([1, 2, 2, 4]), .float([1, 2, 2, 4]), nil, .float([1, 2, 3, 4]), .float([1, 2, 3, 4])],
            [int("is_causal", 1)], "behind a past"
        ) {
            $0.fixedHeads()
            $0.outputCount = 3
        },
        row(
            "Attention",
            [
                .float([1, 2, 3, 4]), .float([1, 2, 3, 4]), .float([1, 2, 3, 4]),
                .flags([3, 3], [true, false, true, false, false, false, true, true, false]),
            ], [], "a query that sees nothing"
        ) { $0.fixedHeads() },
        row(
            "Attention",
            [
                .float([1, 2, 3, 4]), .float([1, 2, 3, 4]), .float([1, 2, 3, 4]),
                .fixed([3, 3], [-.infinity, 0.3, 0.2, -.infinity, -.infinity, -.infinity, 0, 1, -.infinity]),
            ], [int("is_causal", 1)], "a mask of minus infinities, queries that see nothing"
        ) { $0.fixedHeads() },
        row(
            "Attention",
            [
                .float([1, 2, 3, 4]), .float([1, 2, 3, 4]), .float([1, 2, 3, 4]), .fixed([3, 3], [-3e38, -3e38, 0, 0, 0, 0, 0, 1, -3e38]),
            ], [int("is_causal", 1)], "a mask of the least numbers"
        ) { $0.fixedHeads() },
        row(
            "Attention", [.float([1, 2, 4, 4]), .float([1, 2, 6, 4]), .float([1, 2, 6, 4])],
            [int("left_window_size", 2), int("right_window_size", 1)], "a window"
        ) { $0.fixedHeads(25) },
        row(
            "Attention",
            [
                .float([1, 2, 4, 4]), .float([1, 2, 4, 4]), .float([1, 2, 4, 4]), .float([4, 6]), .float([1, 2, 2, 4]),
                .float([1, 2, 2, 4]),
            ], [int("left_window_size", 1), int("is_causal", 1)], "a window behind a past"
        ) {
            $0.fixedHeads(25)
            $0.outputCount = 3
        },
        row(
            "Attention", [.float([3, 2, 3, 4]), .float([3, 2, 5, 4]), .float([3, 2, 5, 4]), nil, nil, nil, .int64([2, 5, 3])], [],
            "padded keys"
        ) { $0.fixedHeads(24) },
        row(
            "Attention",
            [
                .float([3, 4, 3, 4]), .float([3, 2, 5, 4]), .float([3, 2, 5, 4]),
                .flags([3, 5], [true, false, true, true, true, true, true, true, false, true, true, true, true, true, true]), nil, nil,
                .int64([2, 5, 3]),
            ], [int("is_causal", 1)], "padded keys, causal, some queries see nothing"
        ) { $0.fixedHeads(24) },
        row(
            "Attention", [.float([2, 2, 3, 4]), .float([2, 2, 5, 4]), .float([2, 2, 5, 4]), .float([3, 4]), nil, nil, .int64([3, 4])],
            [int("left_window_size", 1)], "padded keys, a mask that ends earlier, a window"
        ) { $0.fixedHeads(25) },
        row(
            "Attention",
            [
                .float([2, 2, 3, 4]), .float([2, 2, 5, 4]), .float([2, 2, 5, 4]),
                .flags([3, 4], [true, false, true, true, true, true, true, true, false, true, true, true]), nil, nil, .int64([3, 4]),
            ], [], "padded keys, a mask of flags that ends earlier"
        ) { $0.fixedHeads(25) },
        row(
            "Attention", [.float([1, 2, 3, 4]), .float([1, 2, 4, 4]), .float([1, 2, 4, 4]), .float([3, 1])], [],
            "a mask of the first key alone"
        ) { $0.fixedHeads(25) },
        row(
            "Attention", [.float([1, 3, 8]), .float([1, 5, 8]), .float([1, 5, 8]), .float([3, 4])],
            [int("q_num_heads", 2), int("kv_num_heads", 2), int("right_window_size", 1)],
            "a mask that ends earlier, extents that are not known"
        ) {
            $0.opset = 25
            $0.openness = .everything
        },
        row(
            "Attention", [.float([1, 2, 3, 4]), .float([1, 2, 3, 4]), .float([1, 2, 3, 4]), .float([3, 3])],
            [float("softcap", 1.5), int("qk_matmul_output_mode", 1)], "capped scores as an output"
        ) {
            $0.fixedHeads(24); $0.outputCount = 4; $0.seeded = [0, 3]
        },
        row(
            "Attention", [.float([1, 2, 3, 4]), .float([1, 2, 3, 4]), .float([1, 2, 3, 4]), .float([3, 3])],
            [float("softcap", 1.5), int("qk_matmul_output_mode", 2)], "masked scores as an output"
        ) {
            $0.fixedHeads(24); $0.outputCount = 4; $0.seeded = [0, 3]
        },
        row(
            "Attention", [.float([1, 2, 3, 4]), .float([1, 2, 3, 4]), .float([1, 2, 3, 4]), .float([3, 3])],
            [int("is_causal", 1), int("qk_matmul_output_mode", 3)], "weights as an output"
        ) {
            $0.fixedHeads(24); $0.outputCount = 4; $0.seeded = [0, 3]
        },
    ]

    private static func causal(_ operands: [Operand?], _ attributes: [Attribute], _ variant: String, seeded: [Int]? = nil) -> GradientCase {
        row("CausalConvWithState", operands, attributes, variant) {
            $0.outputCount = 2
            $0.seeded = seeded
            $0.opset = 27
            $0.openness = .nothing
            $0.isSingleOnly = true
        }
    }

    static let causalConvolutions: [GradientCase] = [
        causal([.float([2, 3, 5]), .float([3, 1, 3])], [], "from nothing"),
        causal(
            [.float([2, 3, 5]), .float([3, 1, 4]), .float([3]), .float([2, 3, 3])], [string("activation", "silu")], "behind a state, SiLU"),
        causal(
            [.float([2, 3, 2]), .float([3, 1, 4]), .float([3]), .float([2, 3, 3])], [string("activation", "swish")],
            "shorter than the state"),
        causal([.float([2, 3, 4]), .float([3, 1, 1]), .float([3])], [], "a kernel of one", seeded: [0]),
    ]

    private static func grid(_ range: ClosedRange<Double>, _ attributes: [Attribute], _ variant: String) -> GradientCase {
        row("GridSample", [.float([2, 3, 4, 5]), .float([2, 2, 3, 2], range)], attributes, variant) {
            $0.openness = .nothing
            $0.step = 1e-3
            $0.tolerance = 2e-2
            $0.isSingleOnly = true
        }
    }

    static let sampling: [GradientCase] = [
        grid(-0.9...0.9, [], "linear"),
        grid(-0.9...0.9, [int("align_corners", 1)], "linear, corners aligned"),
        row(
            "GridSample", [.float([2, 3, 4, 5]), .fixed([2, 1, 2, 2], [0.1, 0.3, -0.5, 0.7, -0.9, 0.2, 0.45, -0.15])],
            [string("mode", "nearest")], "nearest"
        ) { $0.openness = .nothing },
        grid(-0.9...0.9, [string("mode", "cubic")], "cubic"),
        grid(-1.6...1.6, [string("padding_mode", "border")], "border"),
        grid(-1.6...1.6, [string("padding_mode", "reflection")], "reflection"),
        grid(-1.6...1.6, [string("padding_mode", "reflection"), int("align_corners", 1)], "reflection, corners aligned"),
        grid(-1.6...1.6, [string("padding_mode", "zeros")], "zeros outside"),
        row("GridSample", [.float([1, 2, 3, 4, 3]), .float([1, 2, 2, 2, 3], -0.8...0.8)], [], "three spatial axes") {
            $0.openness = .nothing
            $0.step = 1e-3
            $0.tolerance = 2e-2
            $0.isSingleOnly = true
        },
    ]

    static let losses: [GradientCase] = [
        row("SoftmaxCrossEntropyLoss", [.float([4, 3]), .int64([0, 2, 1, 1])], [], "mean"),
        row("SoftmaxCrossEntropyLoss", [.float([4, 3]), .int64([0, 2, 1, 1])], [], "with log probabilities") { $0.outputCount = 2 },
        row(
            "SoftmaxCrossEntropyLoss", [.float([2, 3, 4]), .int64([0, 2, 1, 1, 2, 2, -1, 0], [2, 4]), .fixed([3], [0.5, 1, 2])],
            [int("ignore_index", -1)], "weights, ignored labels"),
        row("SoftmaxCrossEntropyLoss", [.float([4, 3]), .int64([0, 2, 1, 1])], [string("reduction", "none")], "no reduction"),
        row("NegativeLogLikelihoodLoss", [.float([4, 3]), .int64([0, 2, 1, 1])], [string("reduction", "sum")], "sum"),
        row(
            "NegativeLogLikelihoodLoss", [.float([2, 3, 4]), .int64([0, 2, 1, 1, 2, 2, 1, 0], [2, 4]), .fixed([3], [0.5, 1, 2])],
            [int("ignore_index", 1)], "weights, ignored labels"),
    ]
}

extension GradientCase {
    fileprivate mutating func fixedHeads(_ opset: Int64 = 23) {
        self.opset = opset
        openness = .nothing
    }
}
