package import ONNX

/// Replaces calls of the model's own functions by the nodes of the functions, in which calls are replaced too (`inline_functions`).
///
/// A function may be written for another version of the default domain than the model: the older of the two is raised to the newer
/// first. Another version of any other domain is refused.
package struct InlineFunctions: CountingPass {
    package let name = "inline_functions"
    package init() {}

    /// Returns the number of functions.
    package func rewrite(_ model: inout Model) throws(PassError) -> Int {
        let count = model.functions.count
        guard count > 0 else { return 0 }
        let inliner = Inliner(pass: name, functions: model.functions)
        try model.adoptDomains(pass: name)
        let versions = model.functions.compactMap(\.defaultVersion)
        if let newest = versions.max(), let own = model.operatorSetVersion(), own < newest {
            try OpsetRaiser(pass: name, target: newest).raise(&model)
        } else if let newest = versions.max(), model.operatorSetVersion() == nil {
            model.importDefaultDomain(version: newest)
        }
        let version = model.operatorSetVersion() ?? 0
        // Functions do not call themselves (the safety check), so each round removes one level of calls.
        while true {
            var names = model.graph.index
            var older: [Int64: Set<String>] = [:]
            guard let graph = try inliner.inlined(model.graph, &names, &older) else { break }
            model.graph = graph
            for (old, outputs) in older.sorted(by: { $0.key < $1.key }) where old < version {
                try OpsetRaiser(pass: name, target: version).raise(&model, from: old) { $0.outputs.contains(where: outputs.contains) }
            }
        }
        model.functions = []
        return count
    }
}

extension Model {
    /// Imports the domains that only functions import. Another version than the model's is refused, except of the default domain.
    fileprivate mutating func adoptDomains(pass: String) throws(PassError) {
        for function in functions {
            for entry in function.operatorSets.merged where !canonicalDomain(entry.domain).isEmpty {
                // If all operators of a domain are the model's own functions, the version does not matter.
                let isForeign = function.body.usesForeignOperator(of: entry.domain, functions)
                switch operatorSetVersion(entry.domain) {
                case entry.version?: continue
                case nil: if isForeign { operatorSets.append(OperatorSet(domain: entry.domain, version: entry.version)) }
                case let own?:
                    guard isForeign else { continue }
                    throw PassError(
                        pass: pass, place: "function \(function.name)",
                        reason: "it is written for version \(entry.version) of the domain '\(entry.domain)' and the model imports \(own)",
                        remedy: "export the model with one version of that domain")
                }
            }
        }
    }
}

extension Graph {
    fileprivate func usesForeignOperator(of domain: String, _ functions: [Function]) -> Bool {
        var found = false
        forEachNode { node in
            guard canonicalDomain(node.domain) == canonicalDomain(domain) else { return }
            let isOwn = functions.contains { canonicalDomain($0.domain) == canonicalDomain(domain) && $0.name == node.operatorType }
            found = found || !isOwn
        }
        return found
    }
}

extension Function {
    fileprivate var defaultVersion: Int64? { operatorSets.version(of: "") }
}

/// Puts the nodes of functions in the place of calls.
private struct Inliner {
    let pass: String
    private let functions: [Key: Function]

    private struct Key: Hashable {
        let domain: String
        let name: String
        let overload: String
    }

    init(pass: String, functions: [Function]) {
        self.pass = pass
        self.functions = Dictionary(
            functions.map { (Key(domain: canonicalDomain($0.domain), name: $0.name, overload: $0.overload), $0) },
            uniquingKeysWith: { first, _ in first })
    }

    /// Returns the graph with every call in it and its subgraphs replaced once; nil if there is none. `older` gets the names of the results
    /// of functions' nodes, by their version of the default domain.
    func inlined(_ graph: Graph, _ names: inout GraphIndex, _ older: inout [Int64: Set<String>]) throws(PassError) -> Graph? {
        var nodes: [Node] = []
        var changed = false
        for var node in graph.nodes {
            if let function = functions[Key(domain: canonicalDomain(node.domain), name: node.operatorType, overload: node.overload)] {
                let body = try self.body(of: function, for: node, &names)
                if let version = function.defaultVersion {
                    for inner in body { older[version, default: []].formUnion(inner.allOutputs) }
                }
                nodes += body
                changed = true
                continue
            }
            if !node.subgraphs.isEmpty {
                try node.mapSubgraphs { (body) throws(PassError) in
                    guard let inner = try inlined(body, &names, &older) else { return body }
                    changed = true
                    return inner
                }
            }
            nodes.append(node)
        }
        guard changed else { return nil }
        var result = graph
        result.nodes = nodes
        return result
    }

    private func body(of function: Function, for call: Node, _ names: inout GraphIndex) throws(PassError) -> [Node] {
        func refusal(_ reason: String) -> PassError {
            PassError(
                pass: pass, place: call.place, reason: reason, remedy: "export the model again without functions, or inline them there")
        }
        guard call.inputs.count <= function.inputs.count, call.outputs.count <= function.outputs.count else {
            throw refusal(
                "it has \(call.inputs.count) inputs and \(call.outputs.count) outputs, its function \(function.inputs.count) and "
                    + "\(function.outputs.count)")
        }
        if let missing = function.requiredAttributes.first(where: { call.attribute($0) == nil }) {
            throw refusal("its function needs the attribute '\(missing)'")
        }
        var actual: [String: String] = [:]
        for (position, formal) in function.inputs.enumerated() {
            actual[formal] = position < call.inputs.count ? call.inputs[position] : ""
        }
        var passed: [Node] = []
        for (position, formal) in function.outputs.enumerated() {
            let wanted = position < call.outputs.count ? call.outputs[position] : ""
            guard let source = actual[formal], function.inputs.contains(formal) else {
                actual[formal] = wanted.isEmpty ? names.freshName(stem(call, formal)) : wanted
                continue
            }
            // It is an output that is also an input.
            guard !wanted.isEmpty else { continue }
            guard !source.isEmpty else { throw refusal("it asks for '\(wanted)', which is its input '\(formal)' that it does not give") }
            passed.append(Node("Identity", [source], [wanted]))
        }
        return rename(function.body(for: call), actual, call, &names).nodes + passed
    }

    private func stem(_ call: Node, _ inner: String) -> String {
        let prefix = call.name.isEmpty ? (call.outputs.first { !$0.isEmpty } ?? call.operatorType) : call.name
        return "\(prefix)/\(inner)"
    }

    /// Returns the graph with new names for all its results, except those to which `actual` gives one.
    private func rename(_ graph: Graph, _ actual: [String: String], _ call: Node, _ names: inout GraphIndex) -> Graph {
        var actual = actual
        var graph = graph
        graph.values = []
        for position in graph.nodes.indices {
            graph.nodes[position].inputs = graph.nodes[position].inputs.map { actual[$0] ?? $0 }
            let outer = actual
            graph.nodes[position].mapSubgraphs { renameInside($0, outer, call, &names) }
            for output in graph.nodes[position].outputs where !output.isEmpty && actual[output] == nil {
                actual[output] = names.freshName(stem(call, output))
            }
            graph.nodes[position].outputs = graph.nodes[position].outputs.map { actual[$0] ?? $0 }
            let name = graph.nodes[position].name
            if !name.isEmpty { graph.nodes[position].name = stem(call, name) }
        }
        for position in graph.outputs.indices {
            if let name = actual[graph.outputs[position].name] { graph.outputs[position].name = name }
        }
        return graph
    }

    /// Does the same in a subgraph, whose own inputs and constants hide outer names.
    private func renameInside(_ graph: Graph, _ outer: [String: String], _ call: Node, _ names: inout GraphIndex) -> Graph {
        var graph = graph
        var actual = outer
        for output in graph.nodes.flatMap(\.outputs) { actual[output] = nil }
        for position in graph.inputs.indices {
            let name = names.freshName(stem(call, graph.inputs[position].name))
            actual[graph.inputs[position].name] = name
            graph.inputs[position].name = name
        }
        for position in graph.initializers.indices {
            let old = graph.initializers[position].name
            let name = graph.inputs.contains { $0.name == actual[old] } ? actual[old] ?? old : names.freshName(stem(call, old))
            actual[old] = name
            graph.initializers[position].name = name
        }
        for position in graph.sparseInitializers.indices {
            let sparse = graph.sparseInitializers[position]
            let name = names.freshName(stem(call, sparse.name))
            actual[sparse.name] = name
            var values = sparse.values
            values.name = name
            graph.sparseInitializers[position] = SparseTensor(values: values, indices: sparse.indices, shape: sparse.shape)
        }
        return rename(graph, actual, call, &names)
    }
}

extension Node {
    /// The names of the results of the node and of the nodes in its subgraphs.
    fileprivate var allOutputs: Set<String> {
        subgraphs.reduce(into: Set(outputs.filter { !$0.isEmpty })) { $0.formUnion($1.madeNames) }
    }
}
