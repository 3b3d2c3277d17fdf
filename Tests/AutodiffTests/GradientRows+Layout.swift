import Foundation
import ONNX
import Tensors

extension GradientRows {
    static let layout: [GradientCase] = [
        row("Reshape", [.float([2, 3, 4]), .int64([0, -1])], [], "") { $0.openness = .ranks },
        row("Flatten", [.float([2, 3, 4])], [int("axis", 2)], "") { $0.openness = .ranks },
        row("Squeeze", [.float([2, 1, 3, 1]), .int64([1, -1])], [], "") { $0.openness = .ranks },
        row("Squeeze", [.float([2, 1, 3, 1])], [], "every one") { $0.openness = .ranks },
        row("Unsqueeze", [.float([2, 3]), .int64([0, -1])], [], "") { $0.openness = .ranks },
        row("Expand", [.float([3, 1]), .int64([2, 3, 4])], [], "") { $0.openness = .ranks },
        row("Expand", [.float([2, 3]), .int64([1, 1])], [], "to itself") { $0.openness = .ranks },
        row("Transpose", [.float([2, 3, 4])], [ints("perm", [1, 2, 0])], "") { $0.openness = .ranks },
        row("Transpose", [.float([2, 3, 4])], [], "reversed"),
        row("Concat", [.float([2, 3]), .float([2, 1]), .float([2, 2])], [int("axis", -1)], "three") { $0.openness = .ranks },
        row("Concat", [.float([2, 3])], [int("axis", 0)], "one") { $0.openness = .ranks },
        row("Split", [.float([2, 6]), .int64([1, 3, 2])], [int("axis", 1)], "sizes") {
            $0.outputCount = 3; $0.openness = .ranks
        },
        row("Split", [.float([6, 2])], [int("num_outputs", 2)], "halves, one unused") {
            $0.outputCount = 2; $0.seeded = [1]
        },
        row("Slice", [.float([5, 6]), .int64([1, -4]), .int64([4, -1]), .int64([0, 1])], [], "step 1") { $0.openness = .ranks },
        row("Slice", [.float([5, 6]), .int64([1]), .int64([1000])], [], "to the end") { $0.openness = .ranks },
        row("Slice", [.float([5, 6]), .int64([5, 0]), .int64([-100, 6]), .int64([-2, 1]), .int64([-2, 3])], [], "other steps") {
            $0.openness = .ranks
        },
        row("Pad", [.float([2, 3]), .int64([1, 0, 0, 2]), .numbers([], [0.5])], [], "constant value") { $0.openness = .ranks },
        row("Pad", [.float([4, 3]), .int64([-1, 1, -2, 0])], [], "cut and padded") { $0.openness = .ranks },
        row("Pad", [.float([2, 3, 4]), .int64([1, 2]), nil, .int64([-1])], [], "one axis") { $0.openness = .ranks },
        row("Pad", [.float([4, 5]), .int64([1, 2, 2, 1])], [string("mode", "reflect")], "reflect") { $0.openness = .ranks },
        row("Pad", [.float([4, 5]), .int64([1, 2, 2, 1])], [string("mode", "edge")], "edge") { $0.openness = .ranks },
        row("Pad", [.float([4, 5]), .int64([1, 2, 2, 1])], [string("mode", "wrap")], "wrap") { $0.openness = .ranks },
        row(
            "RotaryEmbedding",
            [
                .float([2, 3, 4, 8]), .fixed([5, 4], (0..<20).map { cos(Double($0)) }), .fixed([5, 4], (0..<20).map { sin(Double($0)) }),
                .int64([0, 1, 2, 4, 1, 3, 2, 0], [2, 4]),
            ], [], "halves"
        ) {
            $0.opset = 23; $0.openness = .nothing; $0.isSingleOnly = true
        },
        row(
            "RotaryEmbedding",
            [
                .float([2, 4, 24]), .fixed([2, 4, 4], (0..<32).map { cos(Double($0)) }),
                .fixed([2, 4, 4], (0..<32).map { sin(Double($0)) }),
            ], [int("num_heads", 3), int("interleaved", 1)], "interleaved, three axes"
        ) {
            $0.opset = 23; $0.openness = .nothing; $0.isSingleOnly = true
        },
        row("AffineGrid", [.float([2, 2, 3]), .int64([2, 3, 4, 5])], [], "two axes") { $0.openness = .nothing },
        row("AffineGrid", [.float([1, 3, 4]), .int64([1, 2, 2, 3, 4])], [int("align_corners", 1)], "three axes") { $0.openness = .nothing },
        row("Tile", [.float([2, 3]), .int64([2, 3])], [], ""),
        row("CenterCropPad", [.float([5, 3]), .int64([3, 6])], [], "cut and padded") { $0.openness = .shapes },
        row("ReverseSequence", [.float([4, 3]), .int64([2, 4, 1])], [], "time first") { $0.openness = .ranks },
        row("ReverseSequence", [.float([3, 4, 2]), .int64([2, 4, 1])], [int("batch_axis", 0), int("time_axis", 1)], "batch first") {
            $0.openness = .ranks
        },
        row("Trilu", [.float([2, 3, 4])], [], "upper") { $0.openness = .ranks },
        row("Trilu", [.float([4, 3]), .int64([-1], [])], [int("upper", 0)], "lower, shifted") { $0.openness = .ranks },
        row("CumSum", [.float([3, 4]), .int64([1], [])], [], "") { $0.openness = .ranks },
        row("CumSum", [.float([3, 4]), .int64([0], [])], [int("exclusive", 1), int("reverse", 1)], "exclusive, reversed") {
            $0.openness = .ranks
        },
        row("CumProd", [.float([3, 4]), .int64([1], [])], [], "") {
            $0.openness = .ranks; $0.opset = 26
        },
        row("CumProd", [.float([3, 4]), .int64([0], [])], [int("exclusive", 1), int("reverse", 1)], "exclusive, reversed") {
            $0.opset = 26
        },
        row("CumProd", [.numbers([4, 4], [2, 0, 3, 1.5, 0, 1, 2, 0, 0, 0, 0.5, 2, -1, 2, 0.5, 0]), .int64([-1], [])], [], "zeros") {
            $0.opset = 26
        },
        row(
            "CumProd", [.numbers([4, 4], [2, 0, 3, 1.5, 0, 1, 2, 0, 0, 0, 0.5, 2, -1, 2, 0.5, 0]), .int64([1], [])], [int("exclusive", 1)],
            "zeros, exclusive"
        ) { $0.opset = 26 },
        row(
            "CumProd", [.numbers([4, 4], [2, 0, 3, 1.5, 0, 1, 2, 0, 0, 0, 0.5, 2, -1, 2, 0.5, 0]), .int64([0], [])], [int("reverse", 1)],
            "zeros, reversed"
        ) { $0.opset = 26 },
        row("SpaceToDepth", [.float([2, 3, 4, 6])], [int("blocksize", 2)], "") { $0.openness = .ranks },
        row("DepthToSpace", [.float([2, 8, 2, 3])], [int("blocksize", 2)], "depth first") { $0.openness = .ranks },
        row("DepthToSpace", [.float([2, 8, 2, 3])], [int("blocksize", 2), string("mode", "CRD")], "columns first"),
        row("Col2Im", [.float([2, 12, 9]), .int64([4, 4]), .int64([2, 2])], [], "") { $0.openness = .shapes },
        row(
            "Col2Im", [.float([1, 12, 4]), .int64([5, 4]), .int64([2, 3])],
            [ints("pads", [0, 1, 0, 1]), ints("strides", [2, 2]), ints("dilations", [1, 1])], "pads and strides"
        ) { $0.openness = .shapes },
        row(
            "Resize", [.float([1, 2, 3, 4]), nil, .scales([1, 1, 2, 2])],
            [string("mode", "nearest"), string("coordinate_transformation_mode", "asymmetric"), string("nearest_mode", "floor")],
            "nearest, twice the size"),
        row("Resize", [.float([1, 2, 5, 4]), nil, .scales([1, 1, 0.6, 1.5])], [string("mode", "nearest")], "nearest, other scales"),
        row("Resize", [.float([1, 2, 3, 4]), nil, nil, .int64([1, 2, 6, 5])], [string("mode", "linear")], "linear to a size") {
            $0.openness = .shapes
        },
        row(
            "Resize", [.float([1, 2, 3, 4]), nil, nil, .int64([1, 2, 6, 5])],
            [string("mode", "linear"), string("coordinate_transformation_mode", "align_corners")], "linear, corners aligned"
        ) { $0.openness = .shapes },
        row(
            "Resize", [.float([1, 2, 4, 5]), nil, .scales([1.7, 1.3])], [string("mode", "cubic"), ints("axes", [2, 3])], "cubic, two axes"),
        row("Resize", [.float([1, 1, 3, 4, 2]), nil, .scales([1, 1, 2, 1, 2])], [string("mode", "nearest")], "three spatial axes"),
        crop([.float([1, 2, 4, 5]), .scales([0, 0, 0.1, 0.2, 1, 1, 0.9, 0.7]), nil, .int64([1, 2, 3, 6])], [], "linear") {
            $0.openness = .shapes
        },
        crop(
            [.float([1, 2, 4, 5]), .scales([-0.3, 0.2, 0.7, 1.4]), .scales([1.3, 0.6])],
            [ints("axes", [2, 3]), float("extrapolation_value", 3)], "partly outside"),
        crop(
            [.float([1, 2, 4, 5]), .scales([-0.3, 0.2, 1.2, 0.9]), .scales([1.3, 0.8])],
            [ints("axes", [3, 2]), string("mode", "nearest")], "nearest, axes exchanged"),
        crop(
            [.float([1, 2, 4, 5]), .scales([0, 0, 0.15, 0.2, 1, 1, 0.9, 1.1]), .scales([1, 1, 1.5, 1.3])], [string("mode", "cubic")],
            "cubic"),
        crop(
            [.float([1, 1, 6, 7]), .scales([0.1, 0.2, 0.9, 0.8]), nil, .int64([3, 4])], [ints("axes", [2, 3]), int("antialias", 1)],
            "filtered"
        ) { $0.openness = .shapes },
        crop(
            [.float([3, 4, 5]), .fixed([6], [0.1, 0.2, -0.1, 0.9, 0.7, 0.8]), .scales([1.7, 1.3, 1.2])], [],
            "three axes, a region that is not constant"),
        crop(
            [.float([1, 2, 4, 5]), .scales([0, 0, 0.3, 0.2, 1, 1, 0.8, 0.7]), nil, .int64([1, 2, 4, 3])], [],
            "one axis of the same size, which is not cropped"
        ) { $0.openness = .shapes },
    ]

    private static func crop(
        _ operands: [Operand?], _ attributes: [Attribute], _ variant: String, _ configure: (inout GradientCase) -> Void = { _ in }
    ) -> GradientCase {
        let mode = attributes.contains { $0.name == "mode" } ? [] : [string("mode", "linear")]
        return row(
            "Resize", operands, mode + attributes + [string("coordinate_transformation_mode", "tf_crop_and_resize")], "cropped, " + variant,
            configure)
    }
}
