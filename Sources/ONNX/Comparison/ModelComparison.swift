import Names

/// Says what is different between two models, as far as their files tell. It is encoded to JSON under these names. In all lists, `a` and `b`
/// are what the first and the second model have; one of them is absent where only the other model has the thing.
package struct ModelComparison: Sendable, Encodable {
    /// Describes a named thing that differs.
    package struct Change: Sendable, Encodable, Equatable {
        package let name: String
        package let a: String?
        package let b: String?
    }

    /// Counts something in both models.
    package struct Count: Sendable, Encodable, Equatable {
        package let name: String
        package let a: Int
        package let b: Int
    }

    /// Describes an initializer whose values differ and whose type and shape do not.
    package struct ChangedValues: Sendable, Encodable, Equatable {
        package let name: String
        package let type: String
        package let difference: TensorDifference
    }

    package struct Initializers: Sendable, Encodable, Equatable {
        /// The number of those with the same name and the same bytes.
        package var same = 0
        /// Those with the same bytes under another name.
        package var renamed: [Change] = []
        package var changed: [ChangedValues] = []
        /// Those of another type or shape, or that only one model has.
        package var others: [Change] = []

        fileprivate var isEmpty: Bool { renamed.isEmpty && changed.isEmpty && others.isEmpty }
    }

    /// Describes two nodes that make the same value, and not in the same way.
    package struct ChangedNode: Sendable, Encodable, Equatable {
        /// The value that both make, as the first model names it.
        package let output: String
        /// The operators.
        package let a: String
        package let b: String
        /// The attributes that differ. One that only one node states may have its default there.
        package let attributes: [Change]
        /// Tells whether they read other values.
        package let rewired: Bool
    }

    package let inputs: [Change]
    package let outputs: [Change]
    /// The versions of the IR and of operator sets, the producer, the graph's name, functions and metadata.
    package let facts: [Change]
    /// The operators whose number differs.
    package let operators: [Count]
    package let nodes: [ChangedNode]
    package let initializers: Initializers
    /// The bytes of all initializers and constants by element type, also where they are the same.
    package let weights: [Count]

    /// Tells whether nothing differs.
    package var isEmpty: Bool {
        inputs.isEmpty && outputs.isEmpty && facts.isEmpty && operators.isEmpty && nodes.isEmpty && initializers.isEmpty
    }
}

extension ModelComparison {
    /// Reads the initializers of both models, two at a time.
    package init(_ a: Model, _ b: Model) throws(ONNXError) {
        let (before, after) = (a.inspection(), b.inspection())
        inputs = Self.changes(before.inputs.map { ($0.name, $0.type) }, after.inputs.map { ($0.name, $0.type) })
        outputs = Self.changes(before.outputs.map { ($0.name, $0.type) }, after.outputs.map { ($0.name, $0.type) })
        facts = Self.changes(before.facts, after.facts) + Self.changes(of: a.functions, b.functions)
        operators = Self.counts(before.operatorCounts, after.operatorCounts).filter { $0.a != $0.b }
        let constants = (try StoredConstants(a), try StoredConstants(b))
        weights = Self.counts(constants.0.bytes, constants.1.bytes)
        initializers = try Self.initializers(constants.0, constants.1)
        let common = try CommonValues(a.graph, b.graph, constants.0, constants.1)
        nodes = common.changedNodes(renamed: initializers.renamed)
    }

    private static func changes(_ a: [(String, String)], _ b: [(String, String)]) -> [Change] {
        var left = b
        var found: [Change] = []
        for (name, value) in a {
            let position = left.firstIndex { $0.0.isName(name) }
            let other = position.map { left.remove(at: $0).1 }
            if other != value { found.append(Change(name: name, a: value, b: other)) }
        }
        return found + left.map { Change(name: $0.0, a: nil, b: $0.1) }
    }

    private static func changes(of a: [Function], _ b: [Function]) -> [Change] {
        func described(_ functions: [Function]) -> [(String, String)] {
            functions.map { ("function " + ($0.domain.isEmpty ? "" : $0.domain + ".") + $0.name, "\($0.nodes.count) nodes") }
        }
        var found = changes(described(a), described(b))
        for function in a {
            guard
                let other = b.first(where: { $0.domain == function.domain && $0.name == function.name && $0.overload == function.overload }
                ),
                other != function, other.nodes.count == function.nodes.count
            else { continue }
            let name = described([function])[0].0
            found.append(Change(name: name, a: "\(function.nodes.count) nodes", b: "\(other.nodes.count) other nodes"))
        }
        return found
    }

    private static func counts(_ a: [String: Int], _ b: [String: Int]) -> [Count] {
        Set(a.keys).union(b.keys).sorted().map { Count(name: $0, a: a[$0] ?? 0, b: b[$0] ?? 0) }
    }

    private static func initializers(_ a: StoredConstants, _ b: StoredConstants) throws(ONNXError) -> Initializers {
        var found = Initializers()
        var moved: [StoredConstants.Content: [String]] = [:]
        for entry in b.entries where a[entry.name] == nil { moved[try b.content(entry.name), default: []].append(entry.name) }
        var taken: NameSet = []
        for entry in a.entries {
            guard let other = b[entry.name] else {
                let candidates = moved[try a.content(entry.name)] ?? []
                if let name = candidates.first(where: { !taken.contains($0) }) {
                    taken.insert(name)
                    found.renamed.append(Change(name: entry.name, a: entry.name, b: name))
                } else {
                    found.others.append(Change(name: entry.name, a: entry.tensor.typeText, b: nil))
                }
                continue
            }
            guard other.typeText == entry.tensor.typeText else {
                found.others.append(Change(name: entry.name, a: entry.tensor.typeText, b: other.typeText))
                continue
            }
            if let difference = try TensorDifference(entry.tensor, a.directory, other, b.directory) {
                found.changed.append(ChangedValues(name: entry.name, type: entry.tensor.typeText, difference: difference))
            } else {
                found.same += 1
            }
        }
        for entry in b.entries where a[entry.name] == nil && !taken.contains(entry.name) {
            found.others.append(Change(name: entry.name, a: nil, b: entry.tensor.typeText))
        }
        return found
    }
}

extension Inspection {
    /// The facts about the model as a whole, by the words for them.
    fileprivate var facts: [(String, String)] {
        operatorSets.map { ("operator set \($0.domain)", "\($0.version)") } + [("IR version", "\(irVersion)")]
            + [("producer", producer), ("graph", graphName)].filter { !$0.1.isEmpty }
            + metadata.sorted { $0.key < $1.key }.map { ("metadata \($0.key)", $0.value) }
    }
}
