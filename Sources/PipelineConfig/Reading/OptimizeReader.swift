internal import Reasons

/// Reads the body of an `optimize` stage.
struct OptimizeReader {
    private let reading: Reading
    private let classes: [String]?

    init(_ reading: Reading, classes: [String]?) {
        self.reading = reading
        self.classes = classes
    }

    /// nil, with a problem, where it does not say what to optimize.
    func stage(_ body: Node?, _ key: String, at position: Position) -> OptimizeStage? {
        let remedy = "say how, like gradient: { loss: cross_entropy }"
        guard let body else {
            reading.problems.add(.missingKey, position, key, "an optimize stage without anything to do", remedy)
            return nil
        }
        guard let section = Section(body, key, keys: ["gradient", "gate"], in: reading) else { return nil }
        guard section.has("gradient") else {
            // What this version lacks was refused by name already.
            if !section.hasRefusals, !section.mistyped.contains("gradient") {
                reading.problems.add(.missingKey, position, key + ".gradient", "missing", remedy)
            }
            return nil
        }
        let keys = [
            "loss", "optimizer", "epochs", "batch_size", "schedule", "clip_norm", "clip_value", "accumulate", "ema", "validation", "freeze",
            "train", "untie", "batch_normalization", "no_decay", "seed", "train_on", "early_stopping", "adapters", "threads",
        ]
        guard let gradient = section.section("gradient", keys: keys) else { return nil }
        let descent = self.gradient(gradient)
        let gate = gate(section, loss: descent?.loss, validation: descent?.validation ?? 0.2)
        return descent.map { OptimizeStage(gradient: $0, gate: gate) }
    }

    private func gradient(_ section: Section) -> GradientDescent? {
        section.require("loss", "say what training makes small, like loss: cross_entropy")
        let loss = LossReader(section, classes: classes).loss()
        let optimizer = OptimizerReader(section)
        let clipNorm = section.number("clip_norm", .positive, like: "1.0")
        let clipValue = section.number("clip_value", .positive, like: "0.5")
        let descent = GradientDescent(
            loss: loss?.loss ?? .meanSquaredError, outputs: loss?.outputs ?? [], optimizer: optimizer.optimizer(),
            epochs: section.integer("epochs", in: 1...100_000) ?? 10, batchSize: section.integer("batch_size", in: 1...1_000_000) ?? 32,
            schedule: optimizer.schedule(), clipNorm: clipNorm, clipValue: clipValue,
            accumulate: section.integer("accumulate", in: 1...100_000) ?? 1, ema: section.number("ema", .between, like: "0.999"),
            validation: section.number("validation", .belowOne, like: "0.2") ?? 0.2, freeze: section.names("freeze") ?? [], train: section.names("train") ?? [],
            untie: section.names("untie") ?? [],
            batchNormalization: section.choice("batch_normalization", of: GradientDescent.BatchNormalization.self) ?? .frozen,
            noDecay: section.names("no_decay") ?? [], seed: section.integer("seed", in: 0...Int.max) ?? 0,
            trainOn: section.choice("train_on", of: GradientDescent.TrainOn.self) ?? .all, earlyStopping: earlyStopping(section),
            adapters: adapters(section), threads: section.integer("threads", in: 1...1024))
        if descent.earlyStopping != nil, descent.validation == 0 {
            section.refuse(
                .badValue, "early_stopping", "without held-out rows nothing says when to stop", "write validation: 0.2, or remove it")
        }
        if descent.adapters != nil, descent.batchNormalization != .frozen {
            section.refuse(
                .badValue, "batch_normalization", "beside adapters nothing else is trained", "remove it, or the adapters")
        }
        if descent.adapters != nil, !descent.untie.isEmpty {
            section.refuse(.badValue, "untie", "beside adapters no weight is trained, so that none is shared", "remove it, or the adapters")
        }
        return loss == nil ? nil : descent
    }

    private func earlyStopping(_ section: Section) -> GradientDescent.EarlyStopping? {
        guard let node = section.node("early_stopping") else { return nil }
        if case .scalar = node.content {
            return section.integer("early_stopping", in: 1...100_000).map { GradientDescent.EarlyStopping(patience: $0) }
        }
        guard let options = section.section("early_stopping", keys: ["patience", "min_improvement"]) else { return nil }
        options.require("patience", "say how many epochs to wait for an improvement, like patience: 3")
        return GradientDescent.EarlyStopping(
            patience: options.integer("patience", in: 1...100_000) ?? 1,
            minimumImprovement: options.number("min_improvement", .notNegative, like: "0.001") ?? 0)
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

    private func gate(_ stage: Section, loss: LossSetting?, validation: Double) -> Gate {
        guard let section = stage.section("gate", keys: ["metric", "drop_at_most", "rows_at_least"]) else { return Gate() }
        let metric = section.choice("metric", of: MetricSetting.self) ?? .loss
        if let loss, let needed = metric.kindOfLabels, let given = loss.kindOfLabels, needed != given {
            section.refuse(
                .badValue, "metric", "\(metric.rawValue) is for \(needed.rawValue), and the loss \(loss.kind.rawValue) is for \(given.rawValue)",
                "write \(MetricSetting.allCases.filter { $0.kindOfLabels ?? given == given }.map(\.rawValue).joined(separator: ", "))")
        }
        if validation == 0 {
            section.refuse(.badValue, "metric", "without held-out rows there is nothing to measure on", "write validation: 0.2, or remove the gate")
        }
        return Gate(
            metric: metric, dropAtMost: section.number("drop_at_most", .notNegative, like: "0.005") ?? 0,
            rowsAtLeast: section.integer("rows_at_least", in: 1...1_000_000_000) ?? Gate.defaultRows)
    }
}

/// What a label is, as far as metrics and losses must agree about it.
private enum LabelKind: String { case classes, numbers }

extension MetricSetting {
    fileprivate var kindOfLabels: LabelKind? {
        switch self {
        case .accuracy, .f1, .auc, .logLoss: .classes
        case .rmse, .mae, .r2: .numbers
        case .loss: nil
        }
    }
}

extension LossSetting {
    fileprivate var kindOfLabels: LabelKind? {
        switch self {
        case .crossEntropy, .binaryCrossEntropy, .multilabel: .classes
        case .meanSquaredError, .meanAbsoluteError, .huber, .quantile, .poisson: .numbers
        case .cosineEmbedding, .output: nil
        }
    }
}
