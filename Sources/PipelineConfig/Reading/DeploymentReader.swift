internal import Reasons
internal import Recipes

/// Reads the body of an `optimize` stage that has `graph` or `precision`.
struct DeploymentReader {
    /// The keys that only such a stage has.
    static let keys = ["graph", "precision", "budget"]

    private let section: Section

    init(_ section: Section) { self.section = section }

    func stage() -> DeploymentStage {
        let precision = section.choice("precision", of: PrecisionRequest.self)
        let graph = section.choices("graph", of: GraphPass.self)
        if case .sequence(let items)? = section.node("graph")?.content, items.isEmpty {
            section.refuse(.badValue, "graph", "an empty list changes nothing", "name passes, like [fold_constants], or remove it")
        }
        for key in ["gate", "budget"] where section.has(key) && !section.has("precision") {
            section.refuse(.badValue, key, "nothing is measured without a precision", "add precision: auto, or remove it")
        }
        let gate = gate(precision)
        return DeploymentStage(
            graph: graph, precision: precision, gate: gate.agreement, metric: gate.metric,
            budget: section.duration("budget", in: .seconds(1)...(.seconds(86_400))) ?? DeploymentStage.standardBudget)
    }

    private func gate(_ precision: PrecisionRequest?) -> (agreement: AgreementGate, metric: MetricGate?) {
        var gate = precision?.gate ?? .strict
        guard let section = section.section("gate", keys: ["cosine", "same_top", "metric", "drop_at_most", "rows_at_least"]) else {
            return (gate, nil)
        }
        let cosine = section.number("cosine", .upToOne, like: "0.9999")
        let sameTop = section.number("same_top", .upToOne, like: "1.0")
        if let cosine { gate.cosine = cosine }
        if let sameTop { gate.sameTop = sameTop }
        guard section.has("metric") else {
            for key in ["drop_at_most", "rows_at_least"] where section.has(key) {
                section.refuse(.badValue, key, "it is of a metric, and none is named", "add one, like metric: accuracy, or remove it")
            }
            return (gate, nil)
        }
        guard let metric = section.choice("metric", of: Metric.self) else { return (gate, nil) }
        return (
            gate,
            MetricGate(
                metric, dropAtMost: section.number("drop_at_most", .notNegative, like: "0.005") ?? 0,
                rowsAtLeast: section.integer("rows_at_least", in: 1...1_000_000_000) ?? Gate.defaultRows, cosine: cosine,
                sameTop: sameTop)
        )
    }
}
