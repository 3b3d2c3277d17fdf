package import Recipes

/// Says how a model is improved: it is trained on labelled data, and the result is taken only if it passes the gate.
package struct OptimizeStage: Sendable, Equatable, Codable {
    package let gradient: GradientDescent
    package let gate: Gate

    package init(gradient: GradientDescent, gate: Gate = Gate()) {
        self.gradient = gradient
        self.gate = gate
    }
}
