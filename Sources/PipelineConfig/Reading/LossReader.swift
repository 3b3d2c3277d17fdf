internal import Reasons

/// Reads `loss`: a word, a word with options, or the model's own output.
struct LossReader {
    private let gradient: Section
    private let classes: [String]?

    init(_ gradient: Section, classes: [String]?) {
        self.gradient = gradient
        self.classes = classes
    }

    /// `outputs`: those of the model that are compared with the label.
    func loss() -> (loss: LossSetting, outputs: [String])? {
        guard let (kind, path, node) = gradient.variant("loss", of: LossSetting.Kind.self, like: "cross_entropy: { label_smoothing: 0.1 }") else {
            return nil
        }
        if kind == .output { return ownLoss(node, path).map { (.output($0), []) } }
        let options = node.flatMap { Section($0, path, keys: ["output"] + keys(of: kind), in: gradient.reading) }
        return (loss(kind, options), options?.names("output") ?? [])
    }

    private func keys(of kind: LossSetting.Kind) -> [String] {
        switch kind {
        case .crossEntropy: ["label_smoothing", "class_weights", "targets"]
        case .binaryCrossEntropy: ["positive_weight", "scores"]
        case .multilabel: ["class_weights", "scores"]
        case .huber: ["delta"]
        case .quantile: ["quantile"]
        case .poisson: ["rate"]
        case .cosineEmbedding: ["margin"]
        case .meanSquaredError, .meanAbsoluteError, .output: []
        }
    }

    private func loss(_ kind: LossSetting.Kind, _ options: Section?) -> LossSetting {
        let scores = options?.choice("scores", of: LossSetting.Scores.self) ?? .automatic
        return switch kind {
        case .crossEntropy:
            .crossEntropy(
                labelSmoothing: options?.number("label_smoothing", .belowOne, like: "0.1") ?? 0, classWeights: classWeights(options),
                targets: options?.choice("targets", of: LossSetting.Targets.self) ?? .indices)
        case .binaryCrossEntropy:
            .binaryCrossEntropy(positiveWeight: options?.number("positive_weight", .positive, like: "2.5") ?? 1, scores: scores)
        case .multilabel: .multilabel(classWeights: classWeights(options), scores: scores)
        case .meanSquaredError: .meanSquaredError
        case .meanAbsoluteError: .meanAbsoluteError
        case .huber: .huber(delta: options?.number("delta", .positive, like: "1.0") ?? 1)
        case .quantile: .quantile(quantiles(options))
        case .poisson: .poisson(options?.choice("rate", of: LossSetting.Rate.self) ?? .automatic)
        case .cosineEmbedding: .cosineEmbedding(margin: options?.number("margin", .belowOne, like: "0.1") ?? 0)
        case .output: .output("")
        }
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

    private func quantiles(_ options: Section?) -> [Double] {
        guard case .sequence(let items)? = options?.node("quantile")?.content else {
            return [options?.number("quantile", .between, like: "0.9") ?? 0.5]
        }
        if items.isEmpty { options?.refuse(.badValue, "quantile", "an empty list", "name at least one, like [0.1, 0.9]") }
        return options?.numbers("quantile", .between, like: "[0.1, 0.9]") ?? [0.5]
    }

    private func classWeights(_ options: Section?) -> [Double] {
        let weights = options?.numbers("class_weights", .positive, like: "[1.0, 2.5]") ?? []
        if let classes, !weights.isEmpty, weights.count != classes.count {
            options?.refuse(
                .badValue, "class_weights", "there are \(weights.count) weights for the \(classes.count) classes of schema.classes",
                "write one for each class, in their order")
        }
        return weights
    }
}
