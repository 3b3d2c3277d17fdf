import Names

/// Finds the values that the nodes of two graphs both make, and the nodes that make them.
///
/// Where the graphs have the same nodes in the same order, wired alike, the values belong together by their position, whatever their names.
/// Elsewhere they are those that are computed alike from the same inputs and the same constants; then those that are computed alike from
/// values that belong together, with constants of the same shape; then those with one name. Values in subgraphs are left out, and so are
/// those of Constant nodes.
package struct CommonValues {
    package struct Pair {
        /// The names of the value.
        package let a: String
        package let b: String
        /// The nodes that make it.
        package let nodeOfA: Node
        package let nodeOfB: Node
    }

    /// The values in the order in which the first graph makes them.
    package private(set) var pairs: [Pair] = []
    private var names: NameMap<String> = [:]

    package init(_ a: Model, _ b: Model) throws(ONNXError) {
        try self.init(a.graph, b.graph, StoredConstants(a), StoredConstants(b))
    }

    init(_ a: Graph, _ b: Graph, _ constantsOfA: StoredConstants, _ constantsOfB: StoredConstants) throws(ONNXError) {
        if pairByPosition(a, b) { return }
        for pair in try ValueMatching(a, b, constantsOfA, constantsOfB).pairs {
            pairs.append(pair)
            names[pair.a] = pair.b
        }
    }

    /// Returns whether the graphs have the same nodes in the same order, wired alike. Their values are paired then.
    private mutating func pairByPosition(_ a: Graph, _ b: Graph) -> Bool {
        guard a.nodes.count == b.nodes.count else { return false }
        let made = (a: NameSet(a.nodes.flatMap(\.outputs)), b: NameSet(b.nodes.flatMap(\.outputs)))
        let given = (a: NameSet(a.requiredInputs.map(\.name)), b: NameSet(b.requiredInputs.map(\.name)))
        var names: NameMap<String> = ["": ""]
        var pairs: [Pair] = []
        for (mine, other) in zip(a.nodes, b.nodes) {
            guard mine.qualifiedType == other.qualifiedType, mine.inputs.count == other.inputs.count,
                mine.outputs.count == other.outputs.count
            else { return false }
            for (name, partner) in zip(mine.inputs, other.inputs) {
                if let known = names[name] {
                    guard known.isName(partner) else { return false }
                } else {
                    guard !made.a.contains(name), !made.b.contains(partner), given.a.contains(name) == given.b.contains(partner),
                        !given.a.contains(name) || name.isName(partner)
                    else { return false }
                    names[name] = partner
                }
            }
            for (name, partner) in zip(mine.outputs, other.outputs) {
                guard name.isEmpty == partner.isEmpty else { return false }
                names[name] = partner
                if !name.isEmpty, mine.qualifiedType != "Constant" {
                    pairs.append(Pair(a: name, b: partner, nodeOfA: mine, nodeOfB: other))
                }
            }
        }
        self.pairs = pairs
        self.names = names
        return true
    }

    /// Returns the nodes that make a common value in another way.
    func changedNodes(renamed: [ModelComparison.Change]) -> [ModelComparison.ChangedNode] {
        var names = names
        for constant in renamed { names[constant.name] = constant.b }
        var found: [ModelComparison.ChangedNode] = []
        for pair in pairs {
            let (mine, other) = (pair.nodeOfA, pair.nodeOfB)
            // A node with several outputs is told of once.
            guard mine.outputs.first(where: { !$0.isEmpty })?.isName(pair.a) ?? false else { continue }
            let isOther = mine.qualifiedType != other.qualifiedType
            let attributes = isOther || mine.qualifiedType == "Constant" ? [] : Self.differing(mine, other)
            let isRewired =
                mine.inputs.count != other.inputs.count
                || zip(mine.inputs, other.inputs).contains { name, partner in !(names[name] ?? name).isName(partner) }
            guard isOther || !attributes.isEmpty || isRewired else { continue }
            found.append(
                .init(output: pair.a, a: mine.qualifiedType, b: other.qualifiedType, attributes: attributes, rewired: isRewired && !isOther)
            )
        }
        return found
    }

    private static func differing(_ a: Node, _ b: Node) -> [ModelComparison.Change] {
        let names = Set((a.attributes + b.attributes).map(\.name)).sorted()
        return names.filter { a[attribute: $0] != b[attribute: $0] }.map {
            ModelComparison.Change(name: $0, a: a[attribute: $0]?.words, b: b[attribute: $0]?.words)
        }
    }
}

extension AttributeValue {
    /// The value, or for large ones what it is.
    fileprivate var words: String {
        func list(_ values: [some Any]) -> String { "[" + values.map { "\($0)" }.joined(separator: ", ") + "]" }
        return switch self {
        case .float(let value): "\(value)"
        case .int(let value): "\(value)"
        case .string(let bytes): String(decoding: bytes, as: UTF8.self)
        case .floats(let values) where values.count <= 16: list(values)
        case .ints(let values) where values.count <= 16: list(values)
        case .strings(let values) where values.count <= 16: list(values.map { String(decoding: $0, as: UTF8.self) })
        case .floats(let values): "\(values.count) numbers"
        case .ints(let values): "\(values.count) integers"
        case .strings(let values): "\(values.count) texts"
        case .tensor(let tensor): tensor.typeText
        case .graph(let graph): "a graph of \(graph.nodes.count) nodes"
        case .reference(let name, _): "the call's \(name)"
        case .sparseTensor, .type, .tensors, .graphs, .sparseTensors, .types, .unrecognized: "a value"
        }
    }
}

extension Model {
    /// Returns the part of the model that computes these values of the graph, which become its outputs. It has all inputs.
    package func reduced(to names: [String]) -> Model {
        var needed = NameSet(names)
        var nodes: [Node] = []
        for node in graph.nodes.reversed() where node.outputs.contains(where: { !$0.isEmpty && needed.contains($0) }) {
            nodes.append(node)
            needed.formUnion(node.inputs)
            for subgraph in node.subgraphs { needed.formUnion(subgraph.outerNames) }
        }
        var model = self
        model.graph.nodes = nodes.reversed()
        model.graph.outputs = names.map { Value($0, nil) }
        model.graph.initializers = graph.initializers.filter { needed.contains($0.name) }
        // An input with a default that goes would have to be given.
        let required = NameSet(graph.requiredInputs.map(\.name))
        model.graph.inputs = graph.inputs.filter { required.contains($0.name) || needed.contains($0.name) }
        model.graph.sparseInitializers = graph.sparseInitializers.filter { needed.contains($0.name) }
        model.graph.values = graph.values.filter { needed.contains($0.name) }
        return model
    }
}
