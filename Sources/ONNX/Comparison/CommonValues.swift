import Names
import ONNXProto
import SwiftProtobuf

/// Finds the values that the nodes of two graphs both make, and the nodes that make them.
///
/// Where the graphs have the same nodes in the same order, wired alike, the values belong together by their position, whatever their names.
/// Elsewhere two values are the same if they are computed alike from the same inputs and the same constants, or else if they have one name.
/// Values in subgraphs are left out, and so are those of Constant nodes.
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
        let ids = (
            try ValueIDs(a, constantsOfA, beside: constantsOfB), try ValueIDs(b, constantsOfB, beside: constantsOfA)
        )
        var byID: [Int: (name: String, node: Node)] = [:]
        var byName: NameMap<Node> = [:]
        b.forEachMadeValue { name, node in
            byName[name] = node
            if let id = ids.1.byName[name] { byID[id] = byID[id] ?? (name, node) }
        }
        var taken: NameSet = []
        var left: [(position: Int, name: String, node: Node)] = []
        var found: [(position: Int, pair: Pair)] = []
        var position = 0
        a.forEachMadeValue { name, node in
            position += 1
            guard let id = ids.0.byName[name], let other = byID[id] else { return left.append((position, name, node)) }
            // Equal values that one model computes twice have one partner.
            let sameName = byName[name].flatMap { ids.1.byName[name] == id ? (name: name, node: $0) : nil } ?? other
            taken.insert(sameName.name)
            found.append((position, Pair(a: name, b: sameName.name, nodeOfA: node, nodeOfB: sameName.node)))
        }
        for (position, name, node) in left {
            guard let other = byName[name], !taken.contains(name) else { continue }
            found.append((position, Pair(a: name, b: name, nodeOfA: node, nodeOfB: other)))
        }
        for (_, pair) in found.sorted(by: { $0.position < $1.position }) { add(pair) }
    }

    private mutating func add(_ pair: Pair) {
        pairs.append(pair)
        names[pair.a] = pair.b
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

    private static func differing(_ a: Node, _ b: Node) -> [String] {
        let names = Set((a.attributes + b.attributes).map(\.name)).sorted()
        return names.filter { a[attribute: $0] != b[attribute: $0] }
    }
}

/// Gives each value of a graph a number that says how it is computed: from which inputs and constants, by which operators.
private struct ValueIDs {
    private(set) var byName: NameMap<Int> = [:]

    /// - Parameter others: the constants of the other model. One of the same name, type and shape counts as the same, whatever its values.
    init(_ graph: Graph, _ constants: StoredConstants, beside others: StoredConstants) throws(ONNXError) {
        for input in graph.requiredInputs { byName[input.name] = Self.id(1, input.name) }
        for name in graph.constantNames {
            guard let own = constants[name] else { continue }
            if let other = others[name], other.typeText == own.typeText {
                byName[name] = Self.id(2, name)
            } else {
                byName[name] = Self.id(3, try constants.content(name))
            }
        }
        for node in graph.nodes where node.qualifiedType != "Constant" {
            var hasher = Hasher()
            hasher.combine(node.qualifiedType)
            hasher.combine(node.overload)
            for attribute in node.attributes.sorted(by: { $0.name < $1.name }) {
                hasher.combine(attribute.name)
                hasher.combine(try? attribute.proto.serializedData(partial: true))
            }
            // What is not known by a number, as a value around a subgraph, is known by its name.
            for input in node.inputs { hasher.combine(byName[input] ?? Self.id(4, input)) }
            for name in node.subgraphs.flatMap(\.outerNames).sorted() { hasher.combine(byName[name] ?? Self.id(4, name)) }
            let id = hasher.finalize()
            for (index, output) in node.outputs.enumerated() where !output.isEmpty { byName[output] = Self.id(5 + index, id) }
        }
    }

    private static func id(_ kind: Int, _ value: some Hashable) -> Int {
        var hasher = Hasher()
        hasher.combine(kind)
        hasher.combine(value)
        return hasher.finalize()
    }

    private static func id(_ kind: Int, _ name: String) -> Int { id(kind, Name(name)) }
}

extension Graph {
    fileprivate var constantNames: [String] {
        initializers.map(\.name) + nodes.filter { $0.qualifiedType == "Constant" }.flatMap(\.outputs)
    }

    /// Calls `body` with each value that a node makes, but for Constant nodes, in order.
    fileprivate func forEachMadeValue(_ body: (_ name: String, Node) -> Void) {
        for node in nodes where node.qualifiedType != "Constant" {
            for output in node.outputs where !output.isEmpty { body(output, node) }
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
