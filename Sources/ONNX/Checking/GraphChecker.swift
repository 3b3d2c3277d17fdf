import Names
import Tensors

/// Checks the graphs of one model against the rules. It holds what all of them share.
struct GraphChecker {
    let externalData: ExternalDataDirectory?
    let requiresFiles: Bool

    func checkImports(_ imports: [OperatorSet], place: String) throws(ONNXError) {
        for entry in imports {
            guard entry.version >= 1 else {
                throw .invalid(place: place, reason: "it imports version \(entry.version) of the domain '\(entry.domain)'")
            }
        }
        guard !imports.isEmpty else { throw .invalid(place: place, reason: "it imports no operator set") }
    }

    func check(_ graph: Graph, imports: [OperatorSet]) throws(ONNXError) {
        for input in graph.inputs where input.type == nil {
            throw .invalid(place: "input '\(input.name)'", reason: "it has no type")
        }
        // Engines cut names at a zero byte.
        if let name = (graph.inputs + graph.outputs).map(\.name).first(where: { $0.utf8.contains(0) }) {
            throw .invalid(place: "value '\(name)'", reason: "its name holds a zero byte")
        }
        guard !graph.outputs.isEmpty else { throw .invalid(place: "graph '\(graph.name)'", reason: "it has no outputs") }
        // ONNX Runtime knows its own operators without an import, in their only version.
        let domains = Set(imports.map { canonicalDomain($0.domain) }).union(["com.microsoft"])
        try check(graph, domains: domains, outer: [], inFunction: false)
    }

    func check(_ function: Function) throws(ONNXError) {
        let place = "function \(function.name)"
        try checkImports(function.operatorSets, place: place)
        guard NameSet(function.outputs).count == function.outputs.count else {
            throw .invalid(place: place, reason: "two of its outputs have one name")
        }
        for attribute in function.defaultedAttributes { try check(attribute, place, [], [], inFunction: true) }
        let domains = Set(function.operatorSets.map { canonicalDomain($0.domain) })
        try check(function.body, domains: domains, outer: [], inFunction: true)
    }

    /// Checks a graph. `outer` has the names that the graphs around this one have made so far, one set for each graph. They are not joined,
    /// because that would take quadratic time where many subgraphs are in one graph.
    private func check(_ graph: Graph, domains: Set<String>, outer: [NameSet], inFunction: Bool) throws(ONNXError) {
        let place = "graph '\(graph.name)'"
        var known: NameSet = []
        for input in graph.inputs {
            guard !input.name.isEmpty else { throw .invalid(place: place, reason: "an input has no name") }
            guard known.insert(input.name).inserted else {
                throw .invalid(place: place, reason: "two inputs have the name '\(input.name)'")
            }
            try check(input.type, "input '\(input.name)'")
        }
        var constants: NameSet = []
        for name in graph.initializers.map(\.name) + graph.sparseInitializers.map(\.name) {
            guard !name.isEmpty else { throw .invalid(place: place, reason: "an initializer has no name") }
            guard constants.insert(name).inserted else {
                throw .invalid(place: place, reason: "two initializers have the name '\(name)'")
            }
        }
        for tensor in graph.initializers { try check(tensor, "initializer '\(tensor.name)'") }
        for sparse in graph.sparseInitializers { try check(sparse, "sparse initializer '\(sparse.name)'") }
        known.formUnion(constants)
        for node in graph.nodes {
            guard !node.operatorType.isEmpty else { throw .invalid(place: node.place, reason: "it has no operator type") }
            guard domains.contains(canonicalDomain(node.domain)) else {
                throw .invalid(place: node.place, reason: "the model imports no version of its domain '\(node.domain)'")
            }
            for input in node.inputs where !input.isEmpty && !known.contains(input) && !outer.contains(where: { $0.contains(input) }) {
                let isLater = graph.nodes.contains { $0.outputs.containsName(input) }
                throw .invalid(
                    place: node.place,
                    reason: isLater ? "it reads '\(input)' before the node that makes it" : "it reads '\(input)', which nothing makes")
            }
            for attribute in node.attributes { try check(attribute, node.place, domains, outer + [known], inFunction: inFunction) }
            let names = node.attributes.map(\.name)
            if NameSet(names).count != names.count { throw .invalid(place: node.place, reason: "two of its attributes have one name") }
            for output in node.outputs where !output.isEmpty {
                guard known.insert(output).inserted else {
                    throw .invalid(place: node.place, reason: "it makes '\(output)', which is made already")
                }
            }
        }
        for output in graph.outputs {
            guard known.contains(output.name) || outer.contains(where: { $0.contains(output.name) }) else {
                throw .invalid(place: place, reason: "nothing makes its output '\(output.name)'")
            }
            try check(output.type, "output '\(output.name)'")
        }
    }

    private func check(
        _ attribute: Attribute, _ owner: String, _ domains: Set<String>, _ known: @autoclosure () -> [NameSet], inFunction: Bool
    ) throws(ONNXError) {
        let place = "attribute '\(attribute.name)' of \(owner)"
        if attribute.name.isEmpty { throw .invalid(place: owner, reason: "an attribute has no name") }
        switch attribute.value {
        case .unrecognized(let content): throw .invalid(place: place, reason: content.reason)
        case .reference where !inFunction: throw .invalid(place: place, reason: "it refers to a call's attribute outside a function")
        case .graph, .graphs:
            let known = known()
            for graph in attribute.graphs { try check(graph, domains: domains, outer: known, inFunction: inFunction) }
        case .tensor(let tensor): try check(tensor, place)
        case .tensors(let tensors): for tensor in tensors { try check(tensor, place) }
        case .sparseTensor(let sparse): try check(sparse, place)
        case .sparseTensors(let sparses): for sparse in sparses { try check(sparse, place) }
        case .type(let stored): try check(stored.type, place)
        case .types(let stored): for stored in stored { try check(stored.type, place) }
        default: break
        }
    }
}
