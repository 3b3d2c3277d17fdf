package import ONNX
package import Tensors

/// Collects the nodes and constants that are to be added to a graph, and knows the types of the values around them. It is a class since
/// symbols refer to it; each instance is used by one thread, until `apply(to:results:)`.
package final class GradientGraph {
    private var builder: GraphBuilder
    /// The nodes of the graph under construction: of the outermost one, or of a branch of an If while that is built.
    private var nodes: [Node] = []
    private var types: [String: ValueType]
    private var made: [NodeKey: [(attributes: [Attribute], outputs: [String])]] = [:]
    /// The values of the constants that were made here, by name.
    private(set) var constants: [String: Tensor] = [:]
    /// The optional outputs that rules need of the model's own nodes: by the node's first output, then by position.
    private(set) var extraOutputs: [String: [Int: String]] = [:]

    /// Maps a value to another value whose transpose it is. The model's own Transposes are known, and rules add others
    /// (`declare(_:transposeOf:rank:)`).
    private var transposed: [String: (input: String, permutation: [Int64])]

    private struct NodeKey: Hashable {
        let operatorType: String
        let inputs: [String]
        let outputCount: Int
    }

    /// - Parameters:
    ///   - types: the types of the values in `graph`.
    ///   - prefix: the beginning of the names of new values.
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
    /// Returns the element type of a value, `float32` if it is not known.
    package func elementType(_ name: String) -> ElementType { types[name]?.elementType ?? .float32 }
    package func type(_ name: String) -> ValueType? { types[name] }

    /// Records the type of a value, unless the type that is known already has more fixed extents.
    package func declare(_ name: String, _ type: ValueType?) {
        guard let type else { return }
        let known = types[name]?.dimensions ?? []
        let saysMore = types[name]?.dimensions == nil || known.contains { $0.value == nil } && known.count == type.dimensions?.count
        if saysMore, type.dimensions != nil || types[name] == nil { types[name] = type }
    }

    /// Records that a value `[..., M, N]` of `rank` axes is the transpose of another `[..., N, M]`.
    func declare(_ matrix: Symbol, transposeOf other: Symbol, rank: Int) {
        transposed[matrix.name] = (other.name, Symbol.matrixTransposition(rank: rank).map(Int64.init))
    }

    /// Returns the value `[..., N, M]` whose transpose `matrix` `[..., M, N]` is known to be.
    func transposeSource(of matrix: Symbol, rank: Int) -> Symbol? {
        guard let known = transposed[matrix.name], known.permutation == Symbol.matrixTransposition(rank: rank).map(Int64.init) else {
            return nil
        }
        return symbol(known.input)
    }

    /// Appends a node of one output, or finds an equal one, and returns the output.
    package func emit(
        _ operatorType: String, _ inputs: [Symbol?], _ attributes: [Attribute] = [], type: ElementType, extents: [Dimension]? = nil
    ) -> Symbol {
        emit(operatorType, inputs, outputs: 1, attributes, types: [.tensor(type, extents)])[0]
    }

    /// Appends a node, or finds an equal one, and returns the outputs: the results of all nodes here depend on their inputs alone.
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

    /// Appends a node without changes. Its outputs must have names of their own.
    func append(_ node: Node) {
        nodes.append(node)
    }

    package func freshName(_ stem: String) -> String { builder.name(stem) }

    /// Returns the same value under a name that describes it.
    package func named(_ stem: String, _ value: Symbol) -> Symbol {
        let name = freshName(stem)
        append(Node("Identity", [value.name], [name]))
        declare(name, type(value.name))
        return symbol(name)
    }

    /// Returns a scalar constant. For types other than `float32`, `float64` and `int64` the graph has a Cast of it.
    package func scalar(_ value: Double, _ type: ElementType) -> Symbol {
        switch type {
        case .float32: constant(.float32, [], [Float(value)])
        case .float64: constant(.float64, [], [value])
        case .int64: constant(.int64, [], [Int64(value)])
        default: scalar(value, .float32).cast(to: type)
        }
    }
    /// Returns an `int64` list `[values.count]`.
    package func integers(_ values: [Int]) -> Symbol { constant(.int64, [values.count], values.map(Int64.init)) }
    package func constant<Scalar: BitwiseCopyable>(_ type: ElementType, _ shape: Shape, _ values: [Scalar]) -> Symbol {
        let tensor = Tensor(type, shape, values)
        let name = builder.constant(tensor)
        constants[name] = tensor
        types[name] = .tensor(type, shape)
        return symbol(name)
    }

    /// Returns a tensor of the shape that the `int64` list `shape` gives, all elements of which are `value`.
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

    /// Returns the result of `body` and the nodes that it appends. `body` reuses no earlier node, so that its result follows from these
    /// nodes alone.
    func recorded<Result>(_ body: () throws(AutodiffError) -> Result) throws(AutodiffError) -> (result: Result, nodes: [Node]) {
        let (outside, start) = ((made, transposed), nodes.count)
        (made, transposed) = ([:], [:])
        defer { (made, transposed) = outside }
        let result = try body()
        return (result, Array(nodes[start...]))
    }

    /// Builds a branch of an If from the nodes that `body` appends; its results are the outputs of the branch. Constants go to the
    /// outermost graph, where every branch sees them.
    package func branch(_ name: String, _ body: () throws(AutodiffError) -> [Symbol]) throws(AutodiffError) -> Graph {
        let outside = (nodes, made, transposed)
        nodes = []
        defer { (nodes, made, transposed) = outside }
        let outputs = try body()
        Self.addOutputs(extraOutputs, to: &nodes, read: Set(nodes.flatMap(\.inputs)))
        let inside = Set(nodes.flatMap(\.outputs))
        var taken: Set<String> = []
        let wanted = outputs.map { output in
            // An output must be made in the branch itself, and be only one output: of two with one name, ONNX Runtime writes the last.
            inside.contains(output.name) && taken.insert(output.name).inserted ? output : named("output", output)
        }
        return Graph(
            name: name, nodes: Self.used(nodes, by: Set(wanted.map(\.name))),
            outputs: wanted.map { Value($0.name, types[$0.name]?.withoutExtents) })
    }

    /// Returns an output of a node of the model. If the node leaves it out, `apply(to:results:)` adds it.
    func output(_ position: Int, of node: Node, type: ElementType, extents: [Dimension]?) -> Symbol {
        if position < node.outputs.count, !node.outputs[position].isEmpty { return symbol(node.outputs[position]) }
        let key = node.outputs.first { !$0.isEmpty } ?? ""
        if let known = extraOutputs[key]?[position] { return symbol(known) }
        let name = builder.name(node.operatorType)
        extraOutputs[key, default: [:]][position] = name
        types[name] = .tensor(type, extents)
        return symbol(name)
    }

    /// Appends the nodes that `results` need to the graph, and adds the optional outputs that were asked of the graph's own nodes.
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

    /// Returns the nodes, in order, on which a value in `results` depends.
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
