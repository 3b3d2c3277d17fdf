package import ONNX
package import Tensors

/// The nodes and constants that a backward pass adds, and what is known of the values around them. A class, since the symbols in rules
/// refer to it; lives during one `ReverseMode.append` on one thread.
package final class GradientGraph {
    private var builder: GraphBuilder
    /// Nodes of the graph under construction: the model's own, or a branch of an If while that is built.
    private var nodes: [Node] = []
    private var types: [String: ValueType]
    private var made: [NodeKey: [(attributes: [Attribute], outputs: [String])]] = [:]
    /// What the small constants made here hold.
    private(set) var constants: [String: Tensor] = [:]
    /// Outputs that rules asked the model's own nodes for, by the node's first output.
    private(set) var extraOutputs: [String: [Int: String]] = [:]

    /// By value, one of which it is the transpose, as the model's own Transposes say and as rules do (`declare(_:transposeOf:)`).
    private var transposed: [String: (input: String, permutation: [Int64])]

    private struct NodeKey: Hashable {
        let operatorType: String
        let inputs: [String]
        let outputCount: Int
    }

    package init(extending graph: Graph, types: [String: ValueType], prefix: String = "grad/") {
        builder = GraphBuilder(extending: graph, prefix: prefix)
        self.types = types
        transposed = graph.nodes.reduce(into: [:]) { known, node in
            guard node.qualifiedType == "Transpose", let permutation = node.attribute("perm")?.ints else { return }
            known[node.outputs[0]] = (node.inputs[0], permutation)
        }
    }

    package func symbol(_ name: String) -> Symbol { Symbol(name: name, graph: self) }
    func extents(_ name: String) -> [Dimension]? { types[name]?.dimensions }
    /// `float32` where nothing is known.
    package func elementType(_ name: String) -> ElementType { types[name]?.elementType ?? .float32 }
    package func type(_ name: String) -> ValueType? { types[name] }

    /// Says what is known of a value that was made; what was known of it before counts where it says more.
    package func declare(_ name: String, _ type: ValueType?) {
        guard let type else { return }
        let known = types[name]?.dimensions ?? []
        let saysMore = types[name]?.dimensions == nil || known.contains { $0.value == nil } && known.count == type.dimensions?.count
        if saysMore, type.dimensions != nil || types[name] == nil { types[name] = type }
    }

    /// A matrix, or a batch of them, of `rank` axes.
    func declare(_ matrix: Symbol, transposeOf other: Symbol, rank: Int) {
        transposed[matrix.name] = (other.name, Symbol.matrixTransposition(rank: rank).map(Int64.init))
    }

    /// What the model transposed to this matrix.
    func transposeSource(of matrix: Symbol, rank: Int) -> Symbol? {
        guard let known = transposed[matrix.name], known.permutation == Symbol.matrixTransposition(rank: rank).map(Int64.init) else {
            return nil
        }
        return symbol(known.input)
    }

    package func emit(
        _ operatorType: String, _ inputs: [Symbol?], _ attributes: [Attribute] = [], type: ElementType, extents: [Dimension]? = nil
    ) -> Symbol {
        emit(operatorType, inputs, outputs: 1, attributes, types: [.tensor(type, extents)])[0]
    }

    /// Appends a node, or finds an equal one: nothing that is emitted depends on anything but its inputs.
    package func emit(
        _ operatorType: String, _ inputs: [Symbol?], outputs: Int, _ attributes: [Attribute] = [], types outputTypes: [ValueType?]
    ) -> [Symbol] {
        var names = inputs.map { $0?.name ?? "" }
        while names.last == "" { names.removeLast() }
        if operatorType == "Transpose", let permutation = attributes.first(where: { $0.name == "perm" })?.ints {
            if let known = transposed[names[0]], permutation.indices.allSatisfy({ known.permutation[Int(permutation[$0])] == $0 }) {
                return [symbol(known.input)]
            }
        }
        let key = NodeKey(operatorType: operatorType, inputs: names, outputCount: outputs)
        if let known = made[key]?.first(where: { $0.attributes == attributes }) { return known.outputs.map(symbol) }
        let results = (0..<outputs).map { _ in builder.name(operatorType) }
        nodes.append(Node(operatorType, names, results, name: results[0], attributes))
        made[key, default: []].append((attributes, results))
        for (name, type) in zip(results, outputTypes) { types[name] = type }
        return results.map(symbol)
    }

    /// A copy of a node of the model under new output names, as the branches of a gradient If hold them.
    func append(_ node: Node) {
        nodes.append(node)
    }

    package func freshName(_ stem: String) -> String { builder.name(stem) }

    /// Returns the same value under a name that says what it is.
    package func named(_ stem: String, _ value: Symbol) -> Symbol {
        let name = freshName(stem)
        append(Node("Identity", [value.name], [name]))
        declare(name, type(value.name))
        return symbol(name)
    }

    /// Types other than `float32`, `float64` and `int64` are cast to in the graph.
    package func scalar(_ value: Double, _ type: ElementType) -> Symbol {
        switch type {
        case .float32: constant(.float32, [], [Float(value)])
        case .float64: constant(.float64, [], [value])
        case .int64: constant(.int64, [], [Int64(value)])
        default: scalar(value, .float32).cast(to: type)
        }
    }
    package func integers(_ values: [Int]) -> Symbol { constant(.int64, [values.count], values.map(Int64.init)) }
    package func constant<Scalar: BitwiseCopyable>(_ type: ElementType, _ shape: Shape, _ values: [Scalar]) -> Symbol {
        let tensor = Tensor(type, shape, values)
        let name = builder.constant(tensor)
        constants[name] = tensor
        types[name] = .tensor(type, shape)
        return symbol(name)
    }

    /// `value` in the shape that an `int64` list gives.
    package func filled(_ value: Double, _ shape: Symbol, type: ElementType, extents: [Dimension]? = nil) -> Symbol {
        let element: StoredTensor
        switch type {
        case .float64: element = StoredTensor("value", .float64, [1], [value])
        case .int64: element = StoredTensor("value", .int64, [1], [Int64(value)])
        case .float32: element = StoredTensor("value", .float32, [1], [Float(value)])
        default: return filled(value, shape, type: .float32, extents: extents).cast(to: type)
        }
        return emit("ConstantOfShape", [shape], [Attribute("value", .tensor(element))], type: type, extents: extents)
    }

    /// The nodes that `body` emits, with its results. None of them is one that stood there before, so that the results follow from these
    /// nodes alone.
    func recorded<Result>(_ body: () throws(AutodiffError) -> Result) throws(AutodiffError) -> (result: Result, nodes: [Node]) {
        let (outside, start) = ((made, transposed), nodes.count)
        (made, transposed) = ([:], [:])
        defer { (made, transposed) = outside }
        let result = try body()
        return (result, Array(nodes[start...]))
    }

    /// Builds a branch: what `body` emits, with its results as outputs. Constants go to the outermost graph, where every branch sees them.
    package func branch(_ name: String, _ body: () throws(AutodiffError) -> [Symbol]) throws(AutodiffError) -> Graph {
        let outside = (nodes, made, transposed)
        nodes = []
        defer { (nodes, made, transposed) = outside }
        let outputs = try body()
        Self.addOutputs(extraOutputs, to: &nodes, read: Set(nodes.flatMap(\.inputs)))
        let inside = Set(nodes.flatMap(\.outputs))
        var taken: Set<String> = []
        let wanted = outputs.map { output in
            // An output must be made in the branch itself, and be one output alone: of two with one name ONNX Runtime writes the last.
            inside.contains(output.name) && taken.insert(output.name).inserted ? output : named("output", output)
        }
        return Graph(
            name: name, nodes: Self.used(nodes, by: Set(wanted.map(\.name))),
            outputs: wanted.map { Value($0.name, types[$0.name]?.withoutExtents) })
    }

    /// The output `position` of a node of the model, added where the node leaves it out.
    func output(_ position: Int, of node: Node, type: ElementType, extents: [Dimension]?) -> Symbol {
        if position < node.outputs.count, !node.outputs[position].isEmpty { return symbol(node.outputs[position]) }
        let key = node.outputs.first { !$0.isEmpty } ?? ""
        if let known = extraOutputs[key]?[position] { return symbol(known) }
        let name = builder.name(node.operatorType)
        extraOutputs[key, default: [:]][position] = name
        types[name] = .tensor(type, extents)
        return symbol(name)
    }

    /// Puts the nodes that `results` need behind the graph's own, and gives its nodes the outputs that were asked of them.
    package func apply(to graph: inout Graph, results: Set<String>) {
        Self.addOutputs(extraOutputs, to: &nodes, read: Set(nodes.flatMap(\.inputs)))
        let used = Self.used(nodes, by: results)
        var read = results
        Graph(nodes: used).forEachNode { read.formUnion($0.inputs) }
        Self.addOutputs(extraOutputs, to: &graph.nodes, read: read)
        graph.nodes += used
        graph.initializers += builder.initializers.filter { read.contains($0.name) }
    }

    static func addOutputs(_ extra: [String: [Int: String]], to nodes: inout [Node], read: Set<String>) {
        for position in nodes.indices {
            guard let key = nodes[position].outputs.first(where: { !$0.isEmpty }), let outputs = extra[key] else { continue }
            for (output, name) in outputs.sorted(by: { $0.key < $1.key }) where read.contains(name) {
                while nodes[position].outputs.count <= output { nodes[position].outputs.append("") }
                nodes[position].outputs[output] = name
            }
        }
    }

    /// Those nodes, in order, from which something in `results` follows.
    private static func used(_ nodes: [Node], by results: Set<String>) -> [Node] {
        var needed = results
        var kept: [Node] = []
        for node in nodes.reversed() where node.outputs.contains(where: needed.contains) {
            needed.formUnion(node.inputs)
            for subgraph in node.subgraphs { needed.formUnion(subgraph.outerNames) }
            kept.append(node)
        }
        return kept.reversed()
    }
}

extension ValueType {
    fileprivate var withoutExtents: ValueType { .tensor(elementType, nil) }
}
