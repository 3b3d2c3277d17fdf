package import ONNX

/// Gives every node of the default domain the form that it has in operator set 21, and makes the model import 21 (`raise_opset`).
///
/// Version 21 is the one for which gradient rules are written, and the newest at which ONNX Runtime 1.32 has a CPU kernel for every
/// operator for which it has ever had one (of 22 it lacks RandomUniformLike and RoiAlign, of 24 TopK, of 28 the quantization operators). A
/// model that imports a newer version keeps it, up to `newest`: from 21 to there operators got element types and optional parts but no new
/// form.
///
/// Functions must be inlined before, since each has operator sets of its own.
package struct RaiseOpset: Pass {
    package static let target: Int64 = 21
    /// The newest version that is known here, that of ONNX 1.23.
    package static let newest: Int64 = 28

    package let name = "raise_opset"
    package init() {}

    package func run(_ model: inout Model) throws(PassError) -> Bool {
        if let function = model.functions.first {
            throw PassError(
                pass: name, place: "function \(function.name)", reason: "functions have operator sets of their own",
                remedy: "run inline_functions before")
        }
        guard let version = model.operatorSetVersion() else { return false }
        guard version <= Self.newest else {
            throw PassError(
                pass: name, place: "model",
                reason: "it imports operator set \(version), and only those up to \(Self.newest) are known here",
                remedy: "export it with an older one")
        }
        guard version < Self.target else { return false }
        try OpsetRaiser(pass: name, target: Self.target).raise(&model)
        return true
    }
}

/// Rewrites nodes of the default domain from the form of one operator set version to that of a newer one.
struct OpsetRaiser {
    let pass: String
    let target: Int64

    /// Raises the whole graph and the version that the model imports. Functions stay unchanged.
    func raise(_ model: inout Model) throws(PassError) {
        let version = model.operatorSetVersion() ?? target
        try raise(&model, from: version) { _ in true }
        model.importDefaultDomain(version: target)
    }

    /// Raises the nodes for which `isOld` is true, which have version `version`, also in subgraphs.
    func raise(_ model: inout Model, from version: Int64, where isOld: (Node) -> Bool) throws(PassError) {
        guard version < target else { return }
        let types = try model.inferTypes(for: pass)
        var names = model.graph.index
        model.graph = try raise(model.graph, from: version, types, &names, isOld)
    }

    private func raise(
        _ graph: Graph, from version: Int64, _ types: InferredTypes, _ names: inout GraphIndex, _ isOld: (Node) -> Bool
    ) throws(PassError) -> Graph {
        var graph = graph
        var nodes: [Node] = []
        nodes.reserveCapacity(graph.nodes.count)
        for var node in graph.nodes {
            if !node.subgraphs.isEmpty {
                try node.mapSubgraphs { (body) throws(PassError) in try raise(body, from: version, types, &names, isOld) }
            }
            guard canonicalDomain(node.domain).isEmpty, isOld(node) else {
                nodes.append(node)
                continue
            }
            var rewriting = NodeRewriting(node, version: version, types: types, names: names)
            do throws(Refusal) { try rewriting.run(upTo: target) } catch {
                throw PassError(pass: pass, place: node.place, reason: error.reason, remedy: error.remedy)
            }
            names = rewriting.names
            nodes += rewriting.result
        }
        graph.nodes = nodes
        return graph
    }
}

extension Model {
    mutating func importDefaultDomain(version: Int64) {
        if let position = operatorSets.firstIndex(where: { canonicalDomain($0.domain).isEmpty }) {
            operatorSets[position].version = version
        } else {
            operatorSets.append(OperatorSet(domain: "", version: version))
        }
    }
}
