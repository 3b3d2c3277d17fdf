/// Lists the passes over a model's graph that a pipeline can name (`optimize: { graph: [fold_constants, …] }`), in the order in which
/// they are best run. Each keeps what the model computes, but for rounding.
package enum GraphPass: String, Sendable, Codable, Hashable, CaseIterable {
    case bindInitializers = "bind_initializers"
    case inlineFunctions = "inline_functions"
    case standardizeOperators = "standardize_operators"
    case removeTrainingNodes = "remove_training_nodes"
    case foldConstants = "fold_constants"
    case removeIdentities = "remove_identities"
    case cancelQuantization = "cancel_quantization"
    case mergeTransposes = "merge_transposes"
    case mergeReshapes = "merge_reshapes"
    case fuseGemm = "fuse_gemm"
    case fuseBatchNorm = "fuse_batch_norm"
    case shareInitializers = "share_initializers"
    case shareSubexpressions = "share_subexpressions"
    case removeDeadNodes = "remove_dead_nodes"
    case removeUnusedInitializers = "remove_unused_initializers"

    /// The passes that run where nobody names any: all but the one that takes a choice from callers.
    package static let standard = allCases.filter { $0 != .bindInitializers }

    /// One sentence about the pass, for people who choose passes.
    package var summary: String {
        switch self {
        case .bindInitializers: "Makes constants of the initializers that a caller may override, who then cannot."
        case .inlineFunctions: "Puts the nodes of the model's own functions in the place of each call."
        case .standardizeOperators: "Writes fused operators of ONNX Runtime as the standard operators that they stand for."
        case .removeTrainingNodes: "Removes what only training uses: Dropout, and the graphs of the training extension."
        case .foldConstants: "Computes what depends on no input, once, and stores the result."
        case .removeIdentities: "Removes nodes that return what they are given, such as a Cast to the same type or a product with 1."
        case .cancelQuantization: "Removes a QuantizeLinear that makes again what the DequantizeLinear before it has read."
        case .mergeTransposes: "Makes one Transpose, or none, of two that follow one another."
        case .mergeReshapes: "Makes one Reshape, or none, of two operators that only change the shape."
        case .fuseGemm: "Makes one Gemm of a MatMul of two matrices and the Add of its bias."
        case .fuseBatchNorm: "Takes a BatchNormalization into the weights and the bias of the Conv or Gemm before it."
        case .shareInitializers: "Stores constants that are equal byte by byte once."
        case .shareSubexpressions: "Computes once what several nodes compute alike from the same values."
        case .removeDeadNodes: "Removes nodes whose results nobody uses."
        case .removeUnusedInitializers: "Removes constants that nobody reads."
        }
    }

    /// - Throws: an error that lists the passes, where there is none of this name.
    package init(named name: String) throws(UnknownGraphPass) {
        guard let pass = Self(rawValue: name) else { throw UnknownGraphPass(name: name) }
        self = pass
    }
}

/// Says that there is no pass of a name.
package struct UnknownGraphPass: Error, Sendable, Equatable, CustomStringConvertible {
    package let name: String

    package var description: String {
        "there is no graph pass '\(name)'; write some of \(GraphPass.allCases.map(\.rawValue).joined(separator: ", "))"
    }
}

/// Tells what passes have changed in a graph, as a card and a command show it.
package struct GraphChanges: Sendable, Codable, Hashable {
    package struct Change: Sendable, Codable, Hashable {
        package var pass: GraphPass
        /// The number of nodes, or of constants where the pass is about these, that the pass has replaced or removed.
        package var count: Int

        package init(pass: GraphPass, count: Int) {
            self.pass = pass
            self.count = count
        }
    }

    /// The passes that changed something, each once, in the order in which they ran.
    package private(set) var changes: [Change] = []
    /// The number of nodes of the outermost graph.
    package var nodesBefore: Int
    package var nodesAfter: Int

    package init(nodesBefore: Int) {
        self.nodesBefore = nodesBefore
        nodesAfter = nodesBefore
    }

    package var isEmpty: Bool { changes.isEmpty }

    package subscript(pass: GraphPass) -> Int { changes.first { $0.pass == pass }?.count ?? 0 }

    package mutating func add(_ count: Int, to pass: GraphPass) {
        guard count > 0 else { return }
        if let position = changes.firstIndex(where: { $0.pass == pass }) {
            changes[position].count += count
        } else {
            changes.append(Change(pass: pass, count: count))
        }
    }
}
