/// Names an operator that a runtime must have to run a model.
package struct RequiredOperator: Sendable, Hashable, Comparable, CustomStringConvertible {
    /// The domain; empty for the default domain.
    package let domain: String
    package let type: String
    /// The operator set version that defines it; `nil` where the model does not import the domain.
    package let version: Int64?

    package static func < (left: RequiredOperator, right: RequiredOperator) -> Bool {
        (left.domain, left.type, left.version ?? -1) < (right.domain, right.type, right.version ?? -1)
    }

    package var description: String {
        (domain.isEmpty ? type : domain + "." + type) + (version.map { "-\($0)" } ?? "")
    }
}

extension Model {
    /// The operators in the graph, its subgraphs and the functions it calls, sorted; a call of the model's own function is replaced by the
    /// operators in that function. Training graphs are left out, since they are not run.
    package var requiredOperators: [RequiredOperator] {
        var defined: [String: [Function]] = [:]
        for function in functions { defined[key(function.domain, function.name), default: []].append(function) }
        var found: Set<RequiredOperator> = []
        var visited: Set<String> = []
        func visit(_ graph: Graph, _ versions: [OperatorSet]) {
            graph.forEachNode { node in
                let name = key(node.domain, node.operatorType)
                if let bodies = defined[name] {
                    guard visited.insert(name).inserted else { return }
                    for function in bodies { visit(function.body, function.operatorSets) }
                    return
                }
                let domain = canonicalDomain(node.domain)
                let version = versions.version(of: domain)
                found.insert(RequiredOperator(domain: domain, type: node.operatorType, version: version))
            }
        }
        visit(graph, operatorSets)
        return found.sorted()
    }

    private func key(_ domain: String, _ name: String) -> String { canonicalDomain(domain) + "/" + name }
}
