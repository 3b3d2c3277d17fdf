import ONNX

/// Decides which outputs of a step's graph may be written into the memory of an input, so that this memory is needed once instead of twice.
struct Overwriting {
    private let nodes: [Node]
    private let index: GraphIndex
    private let outputs: Set<String>

    /// The operators that read each element of an operand just before they write the same element of the result.
    private static let elementwise: Set<String> = ["Add", "Sub", "Mul"]

    init(_ graph: Graph) {
        nodes = graph.nodes
        index = graph.index
        outputs = Set(graph.outputs.map(\.name))
    }

    /// Returns whether `output` may take the memory of `input`, which has the same type and shape. In every order in which an engine may
    /// run the nodes, all that read `input` must be done before `output` is written, so all of them must lead to the node that makes
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
                // Nodes come after those that they depend on.
                for reader in index.consumers[name] ?? [] where reader <= last && seen.insert(reader).inserted { waiting.append(reader) }
            }
        }
        return false
    }
}
