import ArgumentParser
package import Recipes

/// Holds an argument `NAME` or `NAME=VALUE`, such as `quantile=0.1,0.9`.
package struct LossArgument: ExpressibleByArgument {
    package let loss: Loss

    package static let names = [
        "cross_entropy[=smoothing]", "binary_cross_entropy[=positive weight]", "multilabel", "mean_squared_error", "mean_absolute_error",
        "huber[=delta]", "quantile=q[,q…]", "poisson", "cosine_embedding[=margin]", "output=NAME",
    ]

    package init?(argument: String) {
        let parts = argument.split(separator: "=", maxSplits: 1).map(String.init)
        let text = parts.count > 1 ? parts[1] : nil
        let numbers = text?.split(separator: ",").map { Double($0) } ?? []
        func number(_ fallback: Double) -> Double? { text == nil ? fallback : numbers.count == 1 ? numbers[0] : nil }
        func plain(_ loss: Loss) -> Loss? { text == nil ? loss : nil }
        let parsed: Loss? =
            switch parts.first {
            case "cross_entropy": number(0).map { .crossEntropy(labelSmoothing: $0) }
            case "binary_cross_entropy": number(1).map { .binaryCrossEntropy(positiveWeight: $0) }
            case "multilabel": plain(.multilabel())
            case "mean_squared_error": plain(.meanSquaredError)
            case "mean_absolute_error": plain(.meanAbsoluteError)
            case "huber": number(1).map { .huber(delta: $0) }
            case "quantile": numbers.isEmpty || numbers.contains(nil) ? nil : .quantile(numbers.compactMap(\.self))
            case "poisson": plain(.poisson())
            case "cosine_embedding": number(0).map { .cosineEmbedding(margin: $0) }
            case "output": text.map { .output($0) }
            default: nil
            }
        guard let parsed else { return nil }
        loss = parsed
    }

    /// Returns the loss for one or several label columns: several are probabilities of the classes.
    package func taking(severalLabels: Bool) -> Loss {
        guard severalLabels, case .crossEntropy(let smoothing, let weights, _) = loss else { return loss }
        return .crossEntropy(labelSmoothing: smoothing, classWeights: weights, targets: .probabilities)
    }
}
