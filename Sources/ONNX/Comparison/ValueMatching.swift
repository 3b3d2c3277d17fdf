import Names
import ONNXProto
import SwiftProtobuf

/// Finds which values of two graphs belong together, where the graphs do not have the same nodes in the same order.
struct ValueMatching {
    /// One node of a graph that is to find its partner, by what it is and what it reads.
    private struct Key: Hashable {
        enum Input: Hashable {
            case value(Name)
            /// The type and shape of a constant.
            case constant(String)
        }
        let type: String
        let attributes: Int
        var inputs: [Input]
        let outputCount: Int
    }

    private let nodes: (a: [Node], b: [Node])
    /// The partner of each value of the first graph.
    private var partners: NameMap<String> = [:]
    private var taken: NameSet = []

    init(_ a: Graph, _ b: Graph, _ constantsOfA: StoredConstants, _ constantsOfB: StoredConstants) throws(ONNXError) {
        nodes = (a.nodes.filter { $0.qualifiedType != "Constant" }, b.nodes.filter { $0.qualifiedType != "Constant" })
        for input in a.requiredInputs { partners[input.name] = input.name }
        let ids = (try ValueIDs(a, constantsOfA, beside: constantsOfB), try ValueIDs(b, constantsOfB, beside: constantsOfA))
        matchEqual(ids.0, ids.1)
        matchAlike(constantsOfA, constantsOfB)
        matchNames()
    }

    /// The values that belong together, in the order in which the first graph makes them.
    var pairs: [CommonValues.Pair] {
        var makers: NameMap<Node> = [:]
        for node in nodes.b { for output in node.outputs { makers[output] = node } }
        var found: [CommonValues.Pair] = []
        for node in nodes.a {
            for output in node.outputs where !output.isEmpty {
                guard let partner = partners[output], let other = makers[partner] else { continue }
                found.append(.init(a: output, b: partner, nodeOfA: node, nodeOfB: other))
            }
        }
        return found
    }

    /// Matches values that are computed alike from the same inputs and constants.
    private mutating func matchEqual(_ idsOfA: ValueIDs, _ idsOfB: ValueIDs) {
        var byID: [Int: String] = [:]
        for output in nodes.b.flatMap(\.outputs) { if let id = idsOfB.byName[output], byID[id] == nil { byID[id] = output } }
        for output in nodes.a.flatMap(\.outputs) {
            guard let id = idsOfA.byName[output], let other = byID[id] else { continue }
            // Of equal values that a model computes twice, the one with the same name is taken; two may have one partner.
            match(output, idsOfB.byName[output] == id ? output : other)
        }
    }

    /// Matches nodes that do the same with values that belong together, and with constants of the same shape: those of the same name, and
    /// the others in their order, where both graphs have as many of them.
    private mutating func matchAlike(_ constantsOfA: StoredConstants, _ constantsOfB: StoredConstants) {
        let candidates = Dictionary(grouping: nodes.b.filter { !isTaken($0) }) { key($0, constantsOfB) }
        let alike = Dictionary(grouping: nodes.a.filter { !isMatched($0) }) { key($0, constantsOfA) }
        for node in nodes.a where !isMatched(node) {
            var key = key(node, constantsOfA)
            let own = (alike[key] ?? []).filter { !isMatched($0) }
            var isKnown = true
            key.inputs = key.inputs.map { input in
                guard case .value(let name) = input, !name.text.isEmpty else { return input }
                guard let partner = partners[name.text] else { isKnown = false; return input }
                return .value(Name(partner))
            }
            var others = (candidates[key] ?? []).filter { !isTaken($0) }
            guard isKnown, own.count == others.count else { continue }
            var left: [Node] = []
            for mine in own {
                guard let place = others.firstIndex(where: { $0.outputs.areNames(mine.outputs) }) else { left.append(mine); continue }
                match(mine, others.remove(at: place))
            }
            for (mine, other) in zip(left, others) { match(mine, other) }
        }
    }

    private mutating func matchNames() {
        let names = NameSet(nodes.b.flatMap(\.outputs))
        for output in nodes.a.flatMap(\.outputs) where partners[output] == nil && names.contains(output) && !taken.contains(output) {
            match(output, output)
        }
    }

    private mutating func match(_ mine: Node, _ other: Node) {
        for (output, partner) in zip(mine.outputs, other.outputs) where partners[output] == nil { match(output, partner) }
    }

    private mutating func match(_ name: String, _ partner: String) {
        guard !name.isEmpty, !partner.isEmpty else { return }
        partners[name] = partner
        taken.insert(partner)
    }

    private func isMatched(_ node: Node) -> Bool { node.outputs.contains { partners[$0] != nil } }
    private func isTaken(_ node: Node) -> Bool { node.outputs.contains { taken.contains($0) } }

    private func key(_ node: Node, _ constants: StoredConstants) -> Key {
        Key(
            type: node.qualifiedType, attributes: node.attributesID,
            inputs: node.inputs.map { name in constants[name].map { .constant($0.typeText) } ?? .value(Name(name)) },
            outputCount: node.outputs.count)
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
            hasher.combine(node.attributesID)
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

extension Node {
    /// A number that stands for the attributes with their values.
    fileprivate var attributesID: Int {
        var hasher = Hasher()
        for attribute in attributes.sorted(by: { $0.name < $1.name }) {
            hasher.combine(attribute.name)
            hasher.combine(try? attribute.proto.serializedData(partial: true))
        }
        return hasher.finalize()
    }
}

extension Graph {
    fileprivate var constantNames: [String] {
        initializers.map(\.name) + nodes.filter { $0.qualifiedType == "Constant" }.flatMap(\.outputs)
    }
}
