import ONNX
import Tensors

/// Describes a product with a constant float32 weight: MatMul, Gemm or Conv.
struct WeightedNode {
    /// The size below which a product stays in float. Quantizing the activations and scaling the sums are several passes over
    /// `[rows, depth]` and `[rows, columns]`, as many operations as a product of 16 columns or 32 terms has, less what integers save
    /// (counted, not measured). Such products are mostly the last ones of a model, where an error is not averaged away any more.
    static let leastColumns = 16
    static let leastDepth = 32

    let node: Node
    let weight: StoredTensor
    /// The axis of the weight along which the results lie, and the one along which the sums run; of Conv, sums run over all other axes.
    let outputAxis: Int
    let depthAxis: Int

    var shape: [Int] { weight.shape.dimensions }
    var columns: Int { shape[outputAxis] }
    /// The number of terms of a sum.
    var depth: Int { columns == 0 ? 0 : (weight.elementCount ?? 0) / columns }
    var transposesInput: Bool { node.qualifiedType == "Gemm" && node.attribute("transA")?.int ?? 0 != 0 }
    /// Tells whether the weight is stored as `[columns, depth]`.
    var isTransposed: Bool { outputAxis < depthAxis }
    var alpha: Float { node.qualifiedType == "Gemm" ? node.attribute("alpha")?.float ?? 1 : 1 }
    var beta: Float { node.qualifiedType == "Gemm" ? node.attribute("beta")?.float ?? 1 : 1 }
    var bias: String? { node.qualifiedType == "MatMul" || node.inputs.count < 3 || node.inputs[2].isEmpty ? nil : node.inputs[2] }
}

extension GraphRewriting {
    /// Returns what is known of a node of one of `types`, or notes why it stays as it is; nil for other nodes too.
    mutating func weighted(_ node: Node, _ types: Set<String>) -> WeightedNode? {
        leaveSubgraphs(of: node, types)
        guard types.contains(node.qualifiedType) else { return nil }
        switch examine(node) {
        case .success(let found): return found
        case .failure(let left):
            leave(node.label, left.reason)
            return nil
        }
    }

    private struct Left: Error { let reason: LeftReason }

    private func examine(_ node: Node) -> Result<WeightedNode, Left> {
        func left(_ reason: LeftReason) -> Result<WeightedNode, Left> { .failure(Left(reason: reason)) }
        if exclude.contains(node.label) { return left(.excluded) }
        guard node.inputs.count >= 2, let weight = constant(node.inputs[1]) else {
            return left(node.inputs.first.flatMap { constant($0) } != nil ? .firstFactor : .notConstant)
        }
        guard weight.elementType == .float32 else { return left(.elementType(weight.elementType)) }
        if constant(node.inputs[0]) != nil { return left(.firstFactor) }
        let rank = weight.shape.rank, isConvolution = node.qualifiedType == "Conv"
        guard isConvolution ? rank >= 3 : rank == 2 else { return left(.rank(rank)) }
        let standsUpright = isConvolution || node.attribute("transB")?.int ?? 0 != 0
        let found = WeightedNode(node: node, weight: weight, outputAxis: standsUpright ? 0 : 1, depthAxis: standsUpright ? 1 : 0)
        let isSmall = isConvolution ? found.depth == 0 : found.depth < WeightedNode.leastDepth || found.columns < WeightedNode.leastColumns
        return isSmall ? left(.tooSmall(depth: found.depth, columns: found.columns)) : .success(found)
    }
}
