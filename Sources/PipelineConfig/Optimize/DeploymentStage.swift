package import Recipes

/// Says how a model is made faster where it runs: by passes over its graph, and by the way of executing it that measures fastest among those
/// whose outputs agree with the original.
package struct DeploymentStage: Sendable, Equatable, Codable {
    /// The passes whose result lands as the version's model; empty where the model lands as it arrived.
    package let graph: [GraphPass]
    /// The precisions among which measurements decide; nil where the model is executed as it is.
    package let precision: PrecisionRequest?
    /// What the outputs of another way of executing the model must meet.
    package let gate: AgreementGate
    /// What a metric on labelled rows must meet, in place of `gate` where such rows are known; nil where none is asked for.
    package let metric: MetricGate?
    /// The time that measuring may take, beside the first run of each engine.
    package let budget: Duration

    package static let standardBudget: Duration = .seconds(60)

    package init(
        graph: [GraphPass] = [], precision: PrecisionRequest? = nil, gate: AgreementGate = .strict, metric: MetricGate? = nil,
        budget: Duration = standardBudget
    ) {
        self.graph = graph
        self.precision = precision
        self.gate = gate
        self.metric = metric
        self.budget = budget
    }
}

extension CanonicalForm {
    /// Adds the settings on which outputs depend. The budget only says for how long they are looked for.
    mutating func add(_ stage: DeploymentStage) {
        add("stage", ["deploy"])
        add("deploy.graph", stage.graph.map(\.rawValue))
        guard let precision = stage.precision else { return }
        add("deploy.precision", [precision.rawValue])
        if stage.gate != .strict { add("deploy.gate", ["\(stage.gate.cosine)", "\(stage.gate.sameTop)"]) }
        guard let metric = stage.metric else { return }
        add("deploy.metric", [metric.metric.rawValue, "\(metric.dropAtMost)", "\(metric.rowsAtLeast)"])
        add("deploy.metric.besides", [metric.cosine, metric.sameTop].map { $0.map { "\($0)" } ?? "" })
    }
}
