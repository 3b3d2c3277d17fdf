package import Autodiff
import Columnar
import Landing
package import Names
package import PipelineConfig
package import Training

/// What the pipeline says of training, in the words of the modules that do it, and of the card.
package struct TrainingSettings {
    private let gradient: GradientDescent
    private let gate: Gate
    private let threads: Int

    package init(_ gradient: GradientDescent, gate: Gate, threads: Int) {
        self.gradient = gradient
        self.gate = gate
        self.threads = threads
    }

    package var recipe: TrainingRecipe {
        TrainingRecipe(
            loss: Loss(gradient.loss), outputs: gradient.outputs, optimizer: Optimizer(gradient.optimizer),
            schedule: Schedule(scheduleShape, peak: gradient.optimizer.learningRate, warmUp: gradient.schedule.warmUp),
            weightDecay: gradient.optimizer.weightDecay, noDecay: gradient.noDecay, clipValue: gradient.clipValue, clipNorm: gradient.clipNorm,
            accumulate: gradient.accumulate, average: gradient.ema, freeze: gradient.freeze, train: gradient.train, untie: gradient.untie,
            batchNormalization: BatchNormalizationTraining(gradient.batchNormalization),
            adapters: gradient.adapters.map { Adapters(rank: $0.rank, targets: $0.targets) }, seed: UInt64(gradient.seed))
    }

    package var plan: TrainingPlan {
        TrainingPlan(
            epochs: gradient.epochs, batchSize: gradient.batchSize, validation: gradient.validation,
            validationRowsAtLeast: gate.rowsAtLeast, patience: gradient.earlyStopping?.patience,
            minimumImprovement: gradient.earlyStopping?.minimumImprovement ?? 0, metric: Metric(gate.metric),
            seed: UInt64(gradient.seed), threads: threads)
    }

    private var scheduleShape: Schedule.Shape {
        switch gradient.schedule.kind {
        case .constant: .constant
        case .linear: .linear(end: gradient.schedule.end)
        case .cosine: .cosine(end: gradient.schedule.end)
        case .step: .step(everyEpochs: gradient.schedule.every, factor: gradient.schedule.factor)
        case .oneCycle: .oneCycle()
        }
    }

    /// For the card, under the pipeline's own keys.
    var told: [String: Card.Setting] {
        var told: [String: Card.Setting] = [
            "loss": .text(gradient.loss.kind.rawValue), "optimizer": .text(gradient.optimizer.kind.rawValue),
            "learning_rate": .number(gradient.optimizer.learningRate), "weight_decay": .number(gradient.optimizer.weightDecay),
            "schedule": .text(gradient.schedule.kind.rawValue), "warm_up": .integer(Int64(gradient.schedule.warmUp)),
            "epochs": .integer(Int64(gradient.epochs)), "batch_size": .integer(Int64(gradient.batchSize)),
            "accumulate": .integer(Int64(gradient.accumulate)), "validation": .number(gradient.validation),
            "seed": .integer(Int64(gradient.seed)), "train_on": .text(gradient.trainOn.rawValue), "threads": .integer(Int64(threads)),
        ]
        func add(_ key: String, _ value: Double?) { if let value { told[key] = .number(value) } }
        add("clip_norm", gradient.clipNorm)
        add("clip_value", gradient.clipValue)
        add("ema", gradient.ema)
        if gradient.schedule.kind == .step {
            told["every"] = .integer(Int64(gradient.schedule.every))
            add("factor", gradient.schedule.factor)
        }
        if gradient.optimizer.momentum > 0 { add("momentum", gradient.optimizer.momentum) }
        let lists = [
            ("freeze", gradient.freeze), ("train", gradient.train), ("untie", gradient.untie), ("no_decay", gradient.noDecay),
            ("output", gradient.outputs),
        ]
        for (key, patterns) in lists where !patterns.isEmpty {
            told[key] = .list(patterns.map { .text($0) })
        }
        if let adapters = gradient.adapters {
            told["adapters"] = .table([
                "rank": .integer(Int64(adapters.rank)), "targets": .list(adapters.targets.map { .text($0) }), "merge": .flag(adapters.merge),
            ])
        }
        if gradient.batchNormalization != .frozen { told["batch_normalization"] = .text(gradient.batchNormalization.rawValue) }
        if let patience = gradient.earlyStopping?.patience { told["early_stopping"] = .integer(Int64(patience)) }
        return told
    }
}

extension Metric {
    package init(_ metric: MetricSetting) {
        self =
            switch metric {
            case .accuracy: .accuracy
            case .f1: .f1
            case .auc: .auc
            case .logLoss: .logLoss
            case .rmse: .rmse
            case .mae: .mae
            case .r2: .r2
            case .loss: .loss
            }
    }
}

extension BatchNormalizationTraining {
    init(_ training: GradientDescent.BatchNormalization) {
        switch training {
        case .frozen: self = .frozen
        case .affine: self = .affine
        case .train: self = .train
        }
    }
}

extension Loss {
    package init(_ loss: LossSetting) {
        self =
            switch loss {
            case .crossEntropy(let smoothing, let weights, let targets):
                .crossEntropy(labelSmoothing: smoothing, classWeights: weights, targets: targets == .indices ? .indices : .probabilities)
            case .binaryCrossEntropy(let weight, let scores): .binaryCrossEntropy(positiveWeight: weight, scores: Scores(scores))
            case .multilabel(let weights, let scores): .multilabel(classWeights: weights, scores: Scores(scores))
            case .meanSquaredError: .meanSquaredError
            case .meanAbsoluteError: .meanAbsoluteError
            case .huber(let delta): .huber(delta: delta)
            case .quantile(let quantiles): .quantile(quantiles)
            case .poisson(let rate): .poisson(output: rate == .automatic ? .automatic : rate == .rate ? .rate : .logRate)
            case .cosineEmbedding(let margin): .cosineEmbedding(margin: margin)
            case .output(let name): .output(name)
            }
    }
}

extension Loss.Scores {
    fileprivate init(_ scores: LossSetting.Scores) {
        switch scores {
        case .automatic: self = .automatic
        case .logits: self = .logits
        case .probabilities: self = .probabilities
        }
    }
}

extension Optimizer {
    fileprivate init(_ optimizer: OptimizerSetting) {
        let moments = Moments(beta1: optimizer.betas[0], beta2: optimizer.betas[1], epsilon: optimizer.epsilon)
        switch optimizer.kind {
        case .sgd: self = .sgd(momentum: optimizer.momentum, nesterov: optimizer.nesterov)
        case .adagrad: self = .adagrad(epsilon: optimizer.epsilon)
        case .rmsprop: self = .rmsprop(alpha: optimizer.alpha, epsilon: optimizer.epsilon, momentum: optimizer.momentum)
        case .adam: self = .adam(moments)
        case .adamw: self = .adamw(moments)
        case .lion: self = .lion(beta1: optimizer.betas[0], beta2: optimizer.betas[1])
        case .lamb: self = .lamb(moments)
        }
    }
}

extension Schema {
    /// Labelled files as this schema reads them.
    /// - Parameters:
    ///   - inputs: the model's, by name.
    ///   - nanInputs: the inputs whose missing values are NaN by default.
    ///   - pinned: columns that earlier files gave to inputs which the schema leaves to them.
    package func labelledData(
        _ files: [LabelledData.File], inputs: [String], nanInputs: NameSet, pinned: [String: [String]] = [:]
    ) -> LabelledData {
        var rules: NameMap<InputRule> = [:]
        for name in inputs + self.inputs.map(\.name) where rules[name] == nil {
            var rule = inputRule(name, isFloat: true, isText: false, isNaNByDefault: nanInputs.contains(name))
            if rule.columns == nil, let columns = pinned[name] { rule.columns = .list(columns) }
            rules[name] = rule
        }
        return LabelledData(
            files: files, label: label.map(InputRule.Columns.init), inputs: rules, classes: classes,
            refusesMissingLabels: missingLabel == .error, weight: weight, key: key, keep: keep,
            types: NameMap(types.map { ($0.key, $0.value.rawValue) }, uniquingKeysWith: { $1 }), dialect: textDialect)
    }
}
