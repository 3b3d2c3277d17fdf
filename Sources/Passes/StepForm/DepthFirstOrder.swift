package import ONNX

/// Puts the nodes into an order for which ONNX Runtime, which has an order of its own, needs little memory (`depth_first_order`).
///
/// ONNX Runtime goes depth first from the ends of the graph to the nodes that they need. It takes the last end of the file first, and of
/// the inputs of a node the one that is made last in the file. Here the ends come last, the deepest first, so that a step is done with the
/// layers next to the loss before it computes the cotangents of the others. All other nodes are sorted by their depth, so that values that
/// could be computed at any time (a mask from an activation) are computed when they are needed. In the order in which the nodes were built,
/// the cotangents of all layers would wait for the gradients of the weights.
package struct DepthFirstOrder: Pass {
    package let name = "depth_first_order"
    package init() {}

    package func run(_ model: inout Model) -> Bool {
        let nodes = model.graph.nodes
        let index = model.graph.index
        var depths = [Int](repeating: 0, count: nodes.count)
        // Nodes come after those that they depend on.
        for position in nodes.indices {
            for reader in nodes[position].outputs.flatMap({ index.consumers[$0] ?? [] }) {
                depths[reader] = max(depths[reader], depths[position] + 1)
            }
        }
        let isEnd = nodes.map { node in node.outputs.allSatisfy { index.consumers[$0] == nil } }
        func before(_ a: Int, _ b: Int) -> Bool {
            if isEnd[a] != isEnd[b] { return isEnd[b] }
            if depths[a] != depths[b] { return (depths[a] < depths[b]) != isEnd[a] }
            return a < b
        }
        let order = nodes.indices.sorted(by: before)
        guard order != Array(nodes.indices) else { return false }
        model.graph.nodes = order.map { nodes[$0] }
        return true
    }
}
