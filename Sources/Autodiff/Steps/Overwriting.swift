import ONNX

/// Which values of a step's graph may be written where they are read: their memory is there once instead of twice.
struct Overwriting {
    private let nodes: [Node]
    /// The positions of nodes that read a value, themselves or in a subgraph.
    private var readers: [String: [Int]] = [:]
    private var makers: [String: Int] = [:]
    private let outputs: Set<String>

    /// Each element of the result is read before it is written, there and nowhere else.
    private static let elementwise: Set<String> = ["Add", "Sub", "Mul"]

    init(_ graph: Graph) {
        nodes = graph.nodes
        outputs = Set(graph.outputs.map(\.name))
        for (position, node) in nodes.enumerated() {
            var read = Set(node.inputs)
            for subgraph in node.subgraphs { read.formUnion(subgraph.outerNames) }
            for name in read where !name.isEmpty { readers[name, default: []].append(position) }
            for name in node.outputs where !name.isEmpty { makers[name] = position }
        }
    }

    /// Whether `output` may take the memory of `input`, which has its type and shape: whatever the order in which an engine runs the nodes, every
    /// one that reads `input` must be done when `output` is written. That is so where all of them lead to the node that makes `output`.
    func allows(_ input: String, _ output: String) -> Bool {
        guard let maker = makers[output], nodes[maker].subgraphs.isEmpty, !outputs.contains(input) else { return false }
        return (readers[input] ?? []).allSatisfy { reader in
            if reader == maker { return Self.elementwise.contains(nodes[reader].qualifiedType) }
            return leads(reader, to: maker)
        }
    }

    private func leads(_ first: Int, to last: Int) -> Bool {
        var seen: Set<Int> = [first], waiting = [first]
        while let position = waiting.popLast() {
            if position == last { return true }
            for name in nodes[position].outputs {
                // Nodes stand behind those that they need.
                for reader in readers[name] ?? [] where reader <= last && seen.insert(reader).inserted { waiting.append(reader) }
            }
        }
        return false
    }
}
