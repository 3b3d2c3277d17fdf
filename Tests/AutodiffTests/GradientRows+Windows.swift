import ONNX
import Tensors

extension GradientRows {
    private static func conv(
        _ variant: String, _ input: Shape, _ weights: Shape, bias: Bool = false, _ attributes: [Attribute] = [],
        _ configure: @escaping (inout GradientCase) -> Void = { _ in }
    ) -> GradientCase {
        let kernel = ints("kernel_shape", weights.dimensions.dropFirst(2).map(Int64.init))
        let operands: [Operand?] = [.float(input), .float(weights)] + (bias ? [.float([weights.dimensions[0]])] : [])
        return row("Conv", operands, [kernel] + attributes, variant, configure)
    }

    private static func transposed(
        _ variant: String, _ input: Shape, _ weights: Shape, _ attributes: [Attribute] = [], bias: Int? = nil,
        _ configure: @escaping (inout GradientCase) -> Void = { _ in }
    ) -> GradientCase {
        let kernel = ints("kernel_shape", weights.dimensions.dropFirst(2).map(Int64.init))
        let operands: [Operand?] = [.float(input), .float(weights)] + (bias.map { [.float([$0])] } ?? [])
        return row("ConvTranspose", operands, [kernel] + attributes, variant, configure)
    }

    private static let fixed: @Sendable (inout GradientCase) -> Void = { $0.openness = .nothing }

    static let convolutions: [GradientCase] = [
        conv("3x3", [2, 3, 5, 6], [4, 3, 3, 3], bias: true, [ints("pads", [1, 1, 1, 1])]),
        conv("unequal pads", [2, 3, 5, 6], [4, 3, 3, 2], [ints("pads", [0, 1, 2, 0])]),
        conv("strides", [2, 3, 7, 8], [4, 3, 3, 3], [ints("pads", [1, 1, 1, 1]), ints("strides", [2, 3])]),
        conv("strides that leave a rest", [1, 2, 8, 9], [2, 2, 2, 3], [ints("strides", [3, 3])]),
        conv("dilations", [2, 2, 7, 8], [3, 2, 3, 2], [ints("pads", [2, 1, 2, 1]), ints("dilations", [2, 3])]),
        conv(
            "strides and dilations", [1, 2, 9, 9], [3, 2, 3, 3],
            [ints("strides", [2, 2]), ints("dilations", [2, 2]), ints("pads", [2, 2, 1, 1])]),
        conv("groups", [2, 4, 5, 5], [6, 2, 3, 3], bias: true, [int("group", 2), ints("pads", [1, 1, 1, 1])]),
        conv("depthwise", [2, 3, 5, 6], [3, 1, 3, 3], bias: true, [int("group", 3), ints("pads", [1, 1, 1, 1])]),
        conv(
            "depthwise with strides", [2, 3, 7, 8], [3, 1, 3, 3], [int("group", 3), ints("pads", [1, 1, 1, 1]), ints("strides", [2, 2])]),
        conv("depthwise with a multiplier", [2, 3, 5, 5], [6, 1, 2, 2], [int("group", 3)]),
        conv("1x1", [2, 3, 4, 5], [4, 3, 1, 1], bias: true),
        conv("1x1 with strides", [2, 3, 5, 6], [4, 3, 1, 1], [ints("strides", [2, 2])]),
        conv("one axis", [2, 3, 9], [4, 3, 3], bias: true, [ints("pads", [1, 1]), ints("strides", [2])]),
        conv("three axes", [1, 2, 4, 4, 3], [2, 2, 2, 3, 2], [ints("pads", [0, 1, 0, 1, 1, 1])]),
        conv("same upper", [1, 2, 5, 6], [3, 2, 3, 2], [string("auto_pad", "SAME_UPPER")]),
        conv("same lower", [1, 2, 5, 6], [3, 2, 4, 2], [string("auto_pad", "SAME_LOWER")]),
        conv("same upper with strides", [1, 2, 6, 7], [3, 2, 3, 3], [string("auto_pad", "SAME_UPPER"), ints("strides", [2, 2])], fixed),
        conv("valid", [1, 2, 5, 6], [3, 2, 3, 3], [string("auto_pad", "VALID"), ints("strides", [1, 2])]),
        conv("many channels on few positions", [2, 128, 3, 3], [2, 128, 3, 3], [ints("pads", [1, 1, 1, 1])], fixed),
        conv("few channels, large kernel", [2, 2, 8, 8], [3, 2, 5, 5], [ints("pads", [2, 2, 2, 2]), ints("strides", [2, 2])]),
        transposed("2x2 with strides", [2, 3, 3, 4], [3, 2, 2, 2], [ints("strides", [2, 2])], bias: 2),
        transposed(
            "pads and output padding", [1, 3, 3, 4], [3, 2, 3, 3],
            [ints("strides", [2, 2]), ints("pads", [1, 1, 1, 1]), ints("output_padding", [1, 1])]),
        transposed("groups", [1, 4, 3, 4], [4, 3, 3, 3], [int("group", 2), ints("pads", [1, 0, 1, 0])], bias: 6),
        transposed("dilations", [1, 2, 4, 4], [2, 2, 2, 3], [ints("dilations", [2, 2])]),
        transposed(
            "output shape", [1, 2, 3, 3], [2, 2, 3, 3],
            [ints("strides", [3, 2]), ints("output_shape", [9, 8]), ints("output_padding", [1, 1])], fixed),
        transposed(
            "output shape, extents that are not known", [1, 2, 3, 3], [2, 2, 3, 3],
            [ints("strides", [3, 2]), ints("output_shape", [8, 6])], bias: 2),
        transposed(
            "output shape with output padding, groups", [1, 4, 3, 4], [4, 1, 3, 4],
            [ints("strides", [2, 2]), ints("output_shape", [6, 9]), ints("output_padding", [1, 1]), int("group", 2)]),
        transposed(
            "output shape beyond what is reached", [1, 2, 3, 3], [2, 2, 2, 3], [ints("strides", [2, 2]), ints("output_shape", [7, 6])]),
        transposed("same upper", [1, 2, 3, 4], [2, 3, 3, 4], [string("auto_pad", "SAME_UPPER"), ints("strides", [2, 3])]),
        transposed("same lower", [1, 2, 3, 4], [2, 3, 3, 4], [string("auto_pad", "SAME_LOWER"), ints("strides", [2, 1])]),
        transposed("one axis", [2, 3, 4], [3, 2, 3], [ints("strides", [2])]),
    ]

    /// Different numbers in random order, so that every maximum has its distance.
    private static func distinct(_ shape: Shape) -> Operand {
        let count = shape.elementCount ?? 0
        var values: [Double] = []
        for position in 0..<count {
            let scrambled = (position * 37 + 11) % 101
            values.append(Double(scrambled) / 10 + Double(position) / 1000)
        }
        return .numbers(shape, values)
    }

    static let pooling: [GradientCase] = [
        row("MaxPool", [distinct([2, 3, 5, 6])], [ints("kernel_shape", [2, 2]), ints("strides", [2, 2])], "2x2"),
        row(
            "MaxPool", [distinct([2, 2, 6, 6])], [ints("kernel_shape", [3, 3]), ints("strides", [2, 2]), ints("pads", [1, 1, 1, 1])],
            "overlapping"
        ) { $0.openness = .ranks },
        row(
            "MaxPool", [distinct([1, 2, 7, 7])],
            [ints("kernel_shape", [3, 2]), ints("dilations", [2, 2]), int("ceil_mode", 1), ints("strides", [2, 2])], "dilated, rounded up"),
        row("MaxPool", [distinct([1, 2, 6, 5])], [ints("kernel_shape", [2, 2]), int("storage_order", 1)], "column-major indices"),
        row("MaxPool", [distinct([2, 3, 8])], [ints("kernel_shape", [3]), string("auto_pad", "SAME_UPPER")], "one axis"),
        row("AveragePool", [.float([2, 3, 6, 6])], [ints("kernel_shape", [2, 2]), ints("strides", [2, 2])], "2x2"),
        row(
            "AveragePool", [.float([2, 2, 5, 7])], [ints("kernel_shape", [3, 3]), ints("strides", [2, 2]), ints("pads", [1, 1, 1, 1])],
            "padding not counted"),
        row(
            "AveragePool", [.float([2, 2, 5, 7])],
            [ints("kernel_shape", [3, 3]), ints("pads", [1, 1, 1, 1]), int("count_include_pad", 1)], "padding counted"),
        row(
            "AveragePool", [.float([1, 2, 6, 7])], [ints("kernel_shape", [3, 2]), ints("strides", [2, 2]), int("ceil_mode", 1)],
            "rounded up"),
        row(
            "AveragePool", [.float([1, 2, 6, 6])],
            [
                ints("kernel_shape", [3, 3]), ints("strides", [2, 2]), ints("pads", [1, 1, 1, 1]), int("ceil_mode", 1),
                int("count_include_pad", 1),
            ], "rounded up, padding counted"),
        row("AveragePool", [.float([1, 2, 8])], [ints("kernel_shape", [3]), ints("dilations", [2])], "one axis, dilated"),
        row("AveragePool", [.float([1, 2, 4, 4, 3])], [ints("kernel_shape", [2, 2, 2])], "three axes"),
        row("LpPool", [.float([2, 2, 5, 6], 0.3...1.5)], [ints("kernel_shape", [2, 3]), ints("strides", [2, 1])], "p 2"),
        row(
            "LpPool", [.float([1, 2, 5, 5], 0.3...1.5)], [ints("kernel_shape", [2, 2]), int("p", 3), ints("pads", [1, 0, 0, 1])], "p 3"),
        row("GlobalAveragePool", [.float([2, 3, 4, 5])], [], "") { $0.openness = .ranks },
        row("GlobalMaxPool", [distinct([2, 3, 4, 5])], [], ""),
        row(
            "MaxUnpool", [.float([1, 1, 2, 2]), .int64([5, 7, 13, 15], [1, 1, 2, 2])],
            [ints("kernel_shape", [2, 2]), ints("strides", [2, 2])], ""),
    ]

    static let normalization: [GradientCase] = [
        row(
            "BatchNormalization", [.float([4, 3, 2, 2]), .float([3], 0.5...1.5), .float([3]), .float([3]), .float([3], 0.5...1.5)], [],
            "inference"),
        row(
            "BatchNormalization", [.float([4, 3]), .float([3], 0.5...1.5), .float([3]), .float([3]), .float([3], 0.5...1.5)],
            [float("epsilon", 1e-2)], "rows"),
        row(
            "BatchNormalization",
            [.float([4, 3, 2, 2]), .float([3], 0.5...1.5), .float([3]), .fixed([3], [0, 0, 0]), .fixed([3], [1, 1, 1])],
            [int("training_mode", 1)], "training"
        ) {
            $0.outputCount = 3; $0.seeded = [0]
        },
        row(
            "BatchNormalization", [.float([4, 3, 2, 2]), .float([3], 0.5...1.5), .float([3]), .float([3]), .float([3], 0.5...1.5)],
            [int("training_mode", 1), float("momentum", 0.3)], "training, with the running statistics used"
        ) { $0.outputCount = 3 },
        row(
            "BatchNormalization", [.float([5, 3]), .float([3], 0.5...1.5), .float([3]), .float([3]), .float([3], 0.5...1.5)],
            [int("training_mode", 1)], "training, of which the variance alone is used"
        ) {
            $0.outputCount = 3; $0.seeded = [2]
        },
        row("LayerNormalization", [.float([2, 3, 8]), .float([8], 0.5...1.5), .float([8])], [], "last axis"),
        row(
            "LayerNormalization", [.float([2, 3, 4]), .float([3, 4], 0.5...1.5)], [int("axis", 1), float("epsilon", 1e-2)],
            "two axes, no bias"),
        row("LayerNormalization", [.float([2, 3, 8]), .float([8], 0.5...1.5), .float([8])], [], "mean and deviation used") {
            $0.outputCount = 3; $0.isSingleOnly = true
        },
        row("InstanceNormalization", [.float([2, 3, 4, 5]), .float([3], 0.5...1.5), .float([3])], [], ""),
        row("GroupNormalization", [.float([2, 4, 3, 5]), .float([4], 0.5...1.5), .float([4])], [int("num_groups", 2)], "") {
            $0.isSingleOnly = true
        },
        row("RMSNormalization", [.float([2, 3, 8]), .float([8], 0.5...1.5)], [], "last axis") { $0.opset = 23 },
        row("RMSNormalization", [.float([2, 3, 4]), .float([3, 4], 0.5...1.5)], [int("axis", 1)], "two axes") { $0.opset = 23 },
        row("MeanVarianceNormalization", [.float([2, 3, 4, 5])], [], "") { $0.openness = .ranks },
        row("MeanVarianceNormalization", [.float([4, 6])], [ints("axes", [1])], "rows"),
        row("LpNormalization", [.float([3, 5])], [], "p 2") { $0.openness = .ranks },
        row("LpNormalization", [.float([3, 5], -1.5...1.5, avoiding: [0])], [int("p", 1), int("axis", 0)], "p 1") { $0.openness = .ranks },
        row("LRN", [.float([2, 5, 3, 3])], [int("size", 3), float("alpha", 0.5)], "three channels"),
        row(
            "LRN", [.float([2, 5, 3, 3])], [int("size", 5), float("alpha", 0.5), float("beta", 0.6), float("bias", 1.5)], "five channels"),
        row("Dropout", [.float([3, 4])], [], "inference") { $0.openness = .ranks },
        row("Dropout", [.float([3, 4]), .constant([], [0.4]), .flags([], [false])], [], "inference, stated"),
    ]
}
