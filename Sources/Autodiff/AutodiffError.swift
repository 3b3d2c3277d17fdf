/// Why a gradient cannot be built, worded for whoever dropped the model.
package enum AutodiffError: Error, Sendable, Equatable {
    /// `path` is the chain of nodes from the loss down to the parameter that needs it.
    case noRule(node: String, operatorType: String, path: [String], reason: String)
    case unknownValue(String)
    /// Nothing that may be trained lies on the way to the loss.
    case nothingTrainable(reason: String)
    /// The graph as it is cannot be differentiated: `place` names node or value.
    case invalid(place: String, reason: String)
}

extension AutodiffError: CustomStringConvertible {
    package var description: String {
        switch self {
        case .noRule(let node, let type, let path, let reason):
            "\(node): \(type) has no gradient here: \(reason). It stands on the path \(path.joined(separator: " <- ")); "
                + "freeze the parameters behind it (freeze: [\"...\"]), or export the model without it"
        case .unknownValue(let name): "there is no value '\(name)' in the graph"
        case .nothingTrainable(let reason): "no parameter can be trained: \(reason)"
        case .invalid(let place, let reason): "\(place): \(reason)"
        }
    }
}
