package import ONNX

/// `depth_first_order`: nodes in an order from which ONNX Runtime, which has one of its own, makes one that keeps little in memory.
///
/// It goes from the graph's ends to what they need, depth first: of the ends it takes the last one first, and of what a node reads that
/// which is made last in the file. So the ends stand last here, the deepest first: what a step does to the layers next to the loss is done
/// while the cotangents of the others are not there yet. All other nodes stand by their depth, so that what can be made at any time (a mask
/// from an activation) is made when it is needed. Left in the order of their making, cotangents of all layers waited for the weights'
/// gradients.
package struct DepthFirstOrder: Pass {
    package let name = "depth_first_order"
    package init() {}

    package func run(_ model: inout Model) -> Bool {
        let nodes = model.graph.nodes
        let index = model.graph.index
        var depths = [Int](repeating: 0, count: nodes.count)
        // Nodes stand behind what they read.
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
