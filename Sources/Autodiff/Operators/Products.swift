import ONNX
import Tensors

extension OperatorTable {
    static let products: [OperatorGradient] = [
        .rule("MatMul", weights: [0, 1], by: matrixProduct),
        .rule("Gemm", weights: [0, 1, 2], by: gemm),
        .rule("Einsum", weights: [0, 1], by: Einsum.rule),
        .rule("Det", by: determinant),
        .expansion("Attention", AttentionExpansion.outputs),
    ]

    /// Differentiates a product of matrices. A product with a matrix on the right, as in a linear layer, gets one Gemm over all rows. Other
    /// products are batched, and their batch axes are summed where they were broadcast. Vectors are taken as matrices of one row or column.
    private static func matrixProduct(_ c: RuleContext) throws(AutodiffError) -> [Symbol?] {
        let (a, b) = (try c.rank(0), try c.rank(1))
        if a >= 2, b == 2 {
            let (rows, cotangents) = a > 2 ? (c.a.rows, c.dy.rows) : (c.a, c.dy)
            let toLeft = cotangents.gemm(c.b, transB: true)
            let toRight = rows.gemm(cotangents, transA: true)
            if c.graph.transposeSource(of: c.b, rank: 2) != nil {
                // As an exported linear layer has it. The gradient of the source is a product as well, which needs no Transpose.
                c.graph.declare(toRight, transposeOf: cotangents.gemm(rows, transA: true), rank: 2)
            }
            return [a > 2 ? toLeft.reshaped(like: c.a) : toLeft, toRight]
        }
        let left = a == 1 ? c.a.unsqueezed([0]) : c.a
        let right = b == 1 ? c.b.unsqueezed([1]) : c.b
        var dy = c.dy
        if b == 1 { dy = dy.unsqueezed([-1]) }
        if a == 1 { dy = dy.unsqueezed([-2]) }
        let (leftRank, rightRank) = (max(a, 2), max(b, 2))
        func batch(_ matrix: Symbol, _ rank: Int, rows: Dimension?, columns: Dimension?) -> [Dimension]? {
            guard let product = dy.extents, let rows, let columns else { return nil }
            return product.dropLast(2) + [rows, columns]
        }
        let toLeft = dy.matrixProduct(
            right.matrixTransposed(rank: rightRank),
            extents: batch(left, leftRank, rows: left.extents?.dropLast().last, columns: left.extents?.last))
        let toRight = left.matrixTransposed(rank: leftRank).matrixProduct(
            dy, extents: batch(right, rightRank, rows: right.extents?.dropLast().last, columns: right.extents?.last))
        var results = [Broadcasting.reduce(toLeft, to: left, equal: 2), Broadcasting.reduce(toRight, to: right, equal: 2)]
        if b > 1, let source = c.graph.transposeSource(of: c.b, rank: b) {
            // The gradient of the source is a product as well, which needs no Transpose.
            let turned = dy.matrixTransposed(rank: max(leftRank, rightRank)).matrixProduct(
                left, extents: batch(source, rightRank, rows: source.extents?.dropLast().last, columns: source.extents?.last))
            c.graph.declare(results[1], transposeOf: Broadcasting.reduce(turned, to: source, equal: 2), rank: b)
        }
        if a == 1 { results[0] = results[0].reshaped(like: c.a) }
        if b == 1 { results[1] = results[1].reshaped(like: c.b) }
        return results
    }

    /// Returns `d det A / dA`, which is the adjugate, transposed. It comes from the characteristic polynomial (the Faddeev-LeVerrier
    /// recursion), which divides by no determinant and so works for singular matrices too.
    private static func determinant(_ c: RuleContext) throws(AutodiffError) -> [Symbol?] {
        guard let size = c.x.extents?.last?.value ?? c.x.extents?.dropLast().last?.value else {
            throw c.refused("the size of its matrices is not known")
        }
        let identity = c.graph.constant(.float32, [size, size], (0..<(size * size)).map { $0 % (size + 1) == 0 ? 1 : 0 } as [Float])
            .cast(to: c.x.elementType)
        var matrix = identity
        for step in stride(from: 1, to: size, by: 1) {
            let product = c.x.matrixProduct(matrix)
            let coefficient = (product * identity).sum([-2, -1]) * (-1 / Double(step))
            matrix = product + coefficient * identity
        }
        let sign = size % 2 == 1 ? 1.0 : -1.0
        let rank = try c.rank()
        return [(matrix * (c.dy.unsqueezed([-2, -1]) * sign)).expanded(like: c.x).matrixTransposed(rank: rank)]
    }

    /// Differentiates `Y = alpha op(A) op(B) + beta C`.
    private static func gemm(_ c: RuleContext) -> [Symbol?] {
        let (transA, transB) = (c.int("transA") == 1, c.int("transB") == 1)
        let alpha = Float(c.float("alpha", 1))
        let toA =
            transA
            ? c.b.gemm(c.dy, transA: transB, transB: true, alpha: alpha) : c.dy.gemm(c.b, transB: !transB, alpha: alpha)
        let toB =
            transB
            ? c.dy.gemm(c.a, transA: true, transB: transA, alpha: alpha) : c.a.gemm(c.dy, transA: !transA, alpha: alpha)
        if !transB, c.graph.transposeSource(of: c.b, rank: 2) != nil {
            c.graph.declare(toB, transposeOf: c.dy.gemm(c.a, transA: true, transB: transA, alpha: alpha), rank: 2)
        }
        guard let addend = c.optionalInput(2), c.needs(2) else { return [toA, toB] }
        return [toA, toB, Broadcasting.reduce(c.dy * c.float("beta", 1), to: addend)]
    }
}

extension Symbol {
    /// The value as a matrix: all axes but the last become one.
    var rows: Symbol {
        guard let last = extents?.last?.value, last > 0 else {
            return reshaped(to: graph.integers([-1]).concatenated([extent(-1)]), extents: [.unknown, extents?.last ?? .unknown])
        }
        return reshaped([-1, last])
    }
}
