internal import Reasons
internal import Recipes

/// Reads the body of an `optimize` stage.
struct OptimizeReader {
    private let reading: ReadingContext
    private let classes: [String]?

    init(_ reading: ReadingContext, classes: [String]?) {
        self.reading = reading
        self.classes = classes
    }

    /// Returns the stage; nil, with a problem, where it does not say how to optimize.
    func stage(_ body: Node?, _ key: String, at position: Position) -> Stage? {
        let remedy = "say how, like gradient: { loss: cross_entropy }, or precision: auto"
        guard let body else {
            reading.problems.add(.missingKey, position, key, "an optimize stage without anything to do", remedy)
            return nil
        }
        guard let section = Section(body, key, keys: ["gradient", "gate"] + DeploymentReader.keys, in: reading) else { return nil }
        let own = DeploymentReader.keys.filter { section.has($0) || section.mistyped.contains($0) }
        guard section.has("gradient") else {
            if own.contains(where: { $0 != "budget" }) { return .deploy(DeploymentReader(section).stage()) }
            // Keys that there are not were refused by name already.
            if !section.hasRefusals, !section.mistyped.contains("gradient") {
                reading.problems.add(.missingKey, position, key, "neither gradient nor graph nor precision", remedy)
            }
            return nil
        }
        if let first = own.first {
            section.refuse(
                .chain, first, "one stage cannot both learn and make the model faster",
                "write a second stage after it, like `- optimize: { \(first): … }`")
        }
        let keys = GradientDescent.hyperparameters.map(\.key) + ["loss", "optimizer", "schedule", "early_stopping", "adapters", "threads"]
        guard let gradient = section.section("gradient", keys: keys) else { return nil }
        let descent = self.gradient(gradient)
        let gate = gate(section, loss: descent?.loss, validation: descent?.validation ?? 0.2)
        return descent.map { .optimize(OptimizeStage(gradient: $0, gate: gate)) }
    }

    private func gradient(_ section: Section) -> GradientDescent? {
        section.require("loss", "say what training makes small, like loss: cross_entropy")
        let loss = LossReader(section, classes: classes).loss()
        var descent = GradientDescent(loss: loss?.loss ?? .meanSquaredError)
        descent.outputs = loss?.outputs ?? []
        OptimizerReader(section).read(into: &descent)
        section.read(GradientDescent.hyperparameters, into: &descent)
        descent.earlyStopping = earlyStopping(section)
        descent.adapters = adapters(section)
        descent.threads = section.integer("threads", in: 1...1024)
        for fault in descent.conflicts where section.has(fault.key) { section.refuse(.badValue, fault.key, fault.reason, fault.remedy) }
        return loss == nil ? nil : descent
    }

    private func earlyStopping(_ section: Section) -> GradientDescent.EarlyStopping? {
        guard let node = section.node("early_stopping") else { return nil }
        let keys = GradientDescent.earlyStoppingOptions
        if case .scalar = node.content {
            return section.integer("early_stopping", in: 1...100_000).map { GradientDescent.EarlyStopping(patience: $0) }
        }
        guard let options = section.section("early_stopping", keys: keys.map(\.key)) else { return nil }
        options.require("patience", "say how many epochs to wait for an improvement, like patience: 3")
        var stopping = GradientDescent.EarlyStopping(patience: 1)
        options.read(keys, into: &stopping)
        return stopping
    }

    private func adapters(_ section: Section) -> GradientDescent.Adapters? {
        guard let options = section.section("adapters", keys: ["rank", "targets", "merge"]) else { return nil }
        options.require("rank", "say how many columns the factors have, like rank: 8")
        options.require("targets", "name the weights that get adapters, like targets: [\"*attn*\"]")
        let targets = options.names("targets") ?? []
        if options.has("targets"), targets.isEmpty {
            options.refuse(.badValue, "targets", "an empty list adapts nothing", "name weights, like [\"*attn*\"]")
        }
        return GradientDescent.Adapters(
            rank: options.integer("rank", in: 1...65_536) ?? 1, targets: targets, merge: options.boolean("merge") ?? true)
    }

    // MARK: Gate

    private func gate(_ stage: Section, loss: Loss?, validation: Double) -> Gate {
        guard let section = stage.section("gate", keys: ["metric", "drop_at_most", "rows_at_least"]) else { return Gate() }
        let metric = section.choice("metric", of: Metric.self) ?? .loss
        if let loss, let needed = metric.labels, let given = loss.labels, needed != given {
            section.refuse(
                .badValue, "metric",
                "\(metric.rawValue) is for \(needed.rawValue), and the loss \(loss.kind.rawValue) is for \(given.rawValue)",
                "write \(Metric.allCases.filter { $0.labels ?? given == given }.map(\.rawValue).joined(separator: ", "))")
        }
        if validation == 0 {
            section.refuse(
                .badValue, "metric", "without held-out rows there is nothing to measure on", "write validation: 0.2, or remove the gate")
        }
        return Gate(
            metric: metric, dropAtMost: section.number("drop_at_most", .notNegative, like: "0.005") ?? 0,
            rowsAtLeast: section.integer("rows_at_least", in: 1...1_000_000_000) ?? Gate.defaultRows)
    }
}
