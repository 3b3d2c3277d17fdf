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
        return DeploymentStage(
            graph: graph, precision: precision, gate: gate(precision),
            budget: section.duration("budget", in: .seconds(1)...(.seconds(86_400))) ?? DeploymentStage.standardBudget)
    }

    private func gate(_ precision: PrecisionRequest?) -> AgreementGate {
        var gate = precision?.gate ?? .strict
        guard let section = section.section("gate", keys: ["cosine", "same_top", "metric", "drop_at_most"]) else { return gate }
        for key in ["metric", "drop_at_most"] where section.has(key) {
            section.refuse(
                .notImplemented, key, "a metric as the gate of a precision is not implemented in this version",
                "write cosine and same_top, or remove it")
        }
        if let cosine = section.number("cosine", .upToOne, like: "0.9999") { gate.cosine = cosine }
        if let sameTop = section.number("same_top", .upToOne, like: "1.0") { gate.sameTop = sameTop }
        return gate
    }
}
