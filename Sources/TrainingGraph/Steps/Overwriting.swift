import ONNX

/// Which values of a step's graph may be written where they are read: their memory is there once instead of twice.
struct Overwriting {
    private let nodes: [Node]
    private let index: GraphIndex
    private let outputs: Set<String>

    /// Each element of the result is read before it is written, there and nowhere else.
    private static let elementwise: Set<String> = ["Add", "Sub", "Mul"]

    init(_ graph: Graph) {
        nodes = graph.nodes
        index = graph.index
        outputs = Set(graph.outputs.map(\.name))
    }

    /// Whether `output` may take the memory of `input`, which has its type and shape: whatever the order in which an engine runs the nodes,
    /// every one that reads `input` must be done when `output` is written. That is so where all of them lead to the node that makes
    /// `output`.
    func allows(_ input: String, _ output: String) -> Bool {
        guard let maker = index.producers[output], nodes[maker].subgraphs.isEmpty, !outputs.contains(input) else { return false }
        return (index.consumers[input] ?? []).allSatisfy { reader in
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
                for reader in index.consumers[name] ?? [] where reader <= last && seen.insert(reader).inserted { waiting.append(reader) }
            }
        }
        return false
    }
}
