/// Says why a gradient cannot be built, in words for the person who dropped the model.
package enum AutodiffError: Error, Sendable, Equatable {
    /// An operator has no gradient. `path` lists the values from the loss down to the parameter that needs the gradient.
    case noRule(node: String, operatorType: String, path: [String], reason: String)
    /// The graph has no value of this name.
    case unknownValue(String)
    /// The loss depends on nothing that may be trained.
    case nothingTrainable(reason: String)
    /// The graph or the recipe cannot be used in its present form. `place` names the node, value or key.
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
