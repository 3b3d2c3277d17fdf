internal import Reasons
internal import Recipes

/// Reads `loss`: a word, a word with options, or the model's own output.
struct LossReader {
    private let gradient: Section
    private let classes: [String]?

    init(_ gradient: Section, classes: [String]?) {
        self.gradient = gradient
        self.classes = classes
    }

    /// Returns the loss, and the outputs of the model that are compared with the label.
    func loss() -> (loss: Loss, outputs: [String])? {
        guard let (kind, path, node) = gradient.variant("loss", of: Loss.Kind.self, like: "cross_entropy: { label_smoothing: 0.1 }") else {
            return nil
        }
        if kind == .output { return ownLoss(node, path).map { (.output($0), []) } }
        var loss = Loss(kind)
        let keys = Loss.options.filter { $0.value(loss) != nil }
        guard let options = node.flatMap({ Section($0, path, keys: ["output"] + keys.map(\.key), in: gradient.reading) }) else {
            return (loss, [])
        }
        options.read(keys, into: &loss)
        check(loss, options)
        return (loss, options.names("output") ?? [])
    }

    private func ownLoss(_ node: Node?, _ path: String) -> String? {
        guard let node else {
            gradient.refuse(.wrongType, "loss", "which output is the loss is not said", "name it, like { output: loss }")
            return nil
        }
        guard let name = gradient.reading.text(node, path) else { return nil }
        guard !name.isEmpty else {
            gradient.reading.problems.add(.badValue, node.position, path, "an empty name", "name the model output that is the loss")
            return nil
        }
        return name
    }

    private func check(_ loss: Loss, _ options: Section) {
        if case .quantile([]) = loss { options.refuse(.badValue, "quantile", "an empty list", "name at least one, like [0.1, 0.9]") }
        if let classes, let weights = loss.classWeights, !weights.isEmpty, weights.count != classes.count {
            options.refuse(
                .badValue, "class_weights", "there are \(weights.count) weights for the \(classes.count) classes of schema.classes",
                "write one for each class, in their order")
        }
    }
}
