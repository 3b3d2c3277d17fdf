import ONNX
import Tensors

extension GradientRows {
    static let products: [GradientCase] = [
        row("MatMul", [.float([3, 4]), .float([4, 2])], [], "matrices"),
        row("MatMul", [.float([2, 3, 4]), .float([4, 5])], [], "rows of a batch"),
        row("MatMul", [.float([2, 5, 3, 4]), .float([4, 2])], [], "rows of two axes"),
        row("MatMul", [.float([2, 3, 4]), .float([2, 4, 5])], [], "batches"),
        row("MatMul", [.float([2, 1, 3, 4]), .float([5, 4, 2])], [], "batches broadcast"),
        row("MatMul", [.float([3, 4]), .float([5, 4, 2])], [], "a matrix on the left of a batch"),
        row("MatMul", [.float([4]), .float([4, 2])], [], "a vector on the left"),
        row("MatMul", [.float([3, 4]), .float([4])], [], "a vector on the right"),
        row("MatMul", [.float([4]), .float([5, 4, 2])], [], "a vector on the left of a batch"),
        row("MatMul", [.float([5, 3, 4]), .float([4])], [], "a vector on the right of a batch"),
        row("MatMul", [.float([4]), .float([4])], [], "vectors"),
        row("Gemm", [.float([3, 4]), .float([4, 2])], [], "no addend") { $0.openness = .ranks },
        row("Gemm", [.float([3, 4]), .float([4, 2]), .float([2])], [float("alpha", 0.7), float("beta", 1.3)], "scaled") {
            $0.openness = .ranks
        },
        row("Gemm", [.float([4, 3]), .float([4, 2]), .float([3, 1])], [int("transA", 1), float("alpha", 0.7)], "transposed A"),
        row("Gemm", [.float([3, 4]), .float([2, 4]), .float([])], [int("transB", 1)], "transposed B"),
        row("Gemm", [.float([4, 3]), .float([2, 4]), .float([3, 2])], [int("transA", 1), int("transB", 1)], "both transposed"),
        row("Einsum", [.float([2, 3]), .float([3, 4])], [string("equation", "ij,jk->ik")], "product") { $0.openness = .shapes },
        row("Einsum", [.float([2, 5, 3, 4]), .float([2, 5, 6, 4])], [string("equation", "bhqd,bhkd->bhqk")], "attention scores"),
        row("Einsum", [.float([2, 3]), .float([3]), .float([2])], [string("equation", "ij,j,i->")], "three operands to a scalar"),
        row("Einsum", [.float([2, 3, 4])], [string("equation", "ijk->ki")], "summed and transposed"),
        row("Einsum", [.float([3, 3])], [string("equation", "ii->i")], "diagonal"),
        row("Einsum", [.float([3, 3])], [string("equation", "ii")], "trace"),
        row("Einsum", [.float([2, 3]), .float([3, 4])], [string("equation", "ab,bc")], "implicit output"),
        row("Einsum", [.float([5, 2, 3]), .float([1, 3, 4])], [string("equation", "...ij,...jk->...ik")], "ellipsis, broadcast"),
        row("Det", [.float([3, 3])], [], "a matrix") { $0.openness = .nothing },
        row("Det", [.float([2, 4, 4])], [], "a batch") { $0.openness = .nothing },
        row("Det", [.numbers([2, 2], [1, 2, 2, 4])], [], "a singular matrix") { $0.openness = .nothing },
    ]

    static let reductions: [GradientCase] = [
        row("ReduceSum", [.float([2, 3, 4])], [], "everything") { $0.openness = .ranks },
        row("ReduceSum", [.float([2, 3, 4])], [int("keepdims", 0)], "everything to a scalar") { $0.openness = .ranks },
        row("ReduceSum", [.float([2, 3, 4]), .int64([1, -1])], [], "two axes") { $0.openness = .ranks },
        row("ReduceSum", [.float([2, 3, 4]), .int64([1])], [int("keepdims", 0)], "an axis, dropped") { $0.openness = .ranks },
        row("ReduceSum", [.float([2, 3])], [int("noop_with_empty_axes", 1), int("keepdims", 0)], "nothing"),
        row("ReduceMean", [.float([2, 3, 4])], [], "everything") { $0.openness = .ranks },
        row("ReduceMean", [.float([2, 3, 4]), .int64([1, -1])], [], "two axes") { $0.openness = .ranks },
        row("ReduceMean", [.float([2, 3, 4]), .int64([1])], [int("keepdims", 0)], "an axis, dropped") { $0.openness = .ranks },
        row("ReduceMax", [.numbers([2, 3, 2], [5, 1, 3, 9, 2, 8, 7, 4, 6, 12, 11, 10]), .int64([1])], [], "an axis") {
            $0.openness = .ranks
        },
        row("ReduceMax", [.numbers([2, 3], [5, 1, 3, 9, 2, 8])], [int("keepdims", 0)], "everything") { $0.openness = .ranks },
        row("ReduceMin", [.numbers([2, 3, 2], [5, 1, 3, 9, 2, 8, 7, 4, 6, 12, 11, 10]), .int64([1])], [], "an axis") {
            $0.openness = .ranks
        },
        row("ReduceMin", [.numbers([2, 3], [5, 1, 3, 9, 2, 8])], [int("keepdims", 0)], "everything") { $0.openness = .ranks },
        row("ReduceL1", [.float([2, 3, 4], -1.5...1.5, avoiding: [0]), .int64([1])], [], "an axis") { $0.openness = .ranks },
        row("ReduceL1", [.float([2, 3, 4], -1.5...1.5, avoiding: [0]), .int64([0, 2])], [int("keepdims", 0)], "two axes, dropped") {
            $0.openness = .ranks
        },
        row("ReduceL2", [.float([2, 3, 4], -1.5...1.5), .int64([1])], [], "an axis") { $0.openness = .ranks },
        row("ReduceL2", [.float([2, 3, 4], -1.5...1.5), .int64([0, 2])], [int("keepdims", 0)], "two axes, dropped") {
            $0.openness = .ranks
        },
        row("ReduceSumSquare", [.float([2, 3, 4], -1.5...1.5), .int64([1])], [], "an axis") { $0.openness = .ranks },
        row("ReduceSumSquare", [.float([2, 3, 4], -1.5...1.5), .int64([0, 2])], [int("keepdims", 0)], "two axes, dropped") {
            $0.openness = .ranks
        },
        row("ReduceLogSum", [.float([2, 3, 4], 0.5...2), .int64([1])], [], "an axis") { $0.openness = .ranks },
        row("ReduceLogSum", [.float([2, 3, 4], 0.5...2), .int64([0, 2])], [int("keepdims", 0)], "two axes, dropped") {
            $0.openness = .ranks
        },
        row("ReduceLogSumExp", [.float([2, 3, 4], -1.5...1.5), .int64([1])], [], "an axis") { $0.openness = .ranks },
        row("ReduceLogSumExp", [.float([2, 3, 4], -1.5...1.5), .int64([0, 2])], [int("keepdims", 0)], "two axes, dropped") {
            $0.openness = .ranks
        },
        row("ReduceProd", [.float([2, 3, 4], 0.5...1.5), .int64([1])], [], "an axis") { $0.openness = .ranks },
        row("ReduceProd", [.float([2, 3, 4], 0.5...1.5), .int64([0, 2])], [int("keepdims", 0)], "two axes, dropped") {
            $0.openness = .ranks
        },
        row("ReduceProd", [.numbers([3, 3], [0, 2, 3, 0, 0, 1, 1, 2, 3]), .int64([1])], [], "zeros"),
    ]
}
