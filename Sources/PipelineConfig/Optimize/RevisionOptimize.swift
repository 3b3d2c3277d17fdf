extension CanonicalForm {
    /// Only what is not the default; `threads` too, since sums in another order give other bytes.
    mutating func add(_ stage: OptimizeStage) {
        add("stage", ["optimize"])
        let gradient = stage.gradient
        let standard = GradientDescent(loss: gradient.loss)
        func differs<Value: Equatable>(_ path: KeyPath<GradientDescent, Value>) -> Bool { gradient[keyPath: path] != standard[keyPath: path] }
        add("gradient.loss", [gradient.loss.kind.rawValue] + options(of: gradient.loss))
        add("gradient.loss.output", gradient.outputs)
        add(gradient.optimizer)
        add(gradient.schedule)
        if differs(\.epochs) { add("gradient.epochs", ["\(gradient.epochs)"]) }
        if differs(\.batchSize) { add("gradient.batch_size", ["\(gradient.batchSize)"]) }
        add("gradient.clip_norm", gradient.clipNorm.map { ["\($0)"] } ?? [])
        add("gradient.clip_value", gradient.clipValue.map { ["\($0)"] } ?? [])
        if differs(\.accumulate) { add("gradient.accumulate", ["\(gradient.accumulate)"]) }
        add("gradient.ema", gradient.ema.map { ["\($0)"] } ?? [])
        if differs(\.validation) { add("gradient.validation", ["\(gradient.validation)"]) }
        // Which patterns there are has no order.
        add("gradient.freeze", gradient.freeze.sorted())
        add("gradient.train", gradient.train.sorted())
        add("gradient.untie", gradient.untie.sorted())
        if differs(\.batchNormalization) { add("gradient.batch_normalization", [gradient.batchNormalization.rawValue]) }
        add("gradient.no_decay", gradient.noDecay.sorted())
        if differs(\.seed) { add("gradient.seed", ["\(gradient.seed)"]) }
        if differs(\.trainOn) { add("gradient.train_on", [gradient.trainOn.rawValue]) }
        add("gradient.early_stopping", gradient.earlyStopping.map { ["\($0.patience)", "\($0.minimumImprovement)"] } ?? [])
        add("gradient.adapters", gradient.adapters.map { ["\($0.rank)"] + $0.targets.sorted() } ?? [])
        if gradient.adapters?.merge == false { add("gradient.adapters.merge", ["false"]) }
        add("gradient.threads", gradient.threads.map { ["\($0)"] } ?? [])
        let gate = Gate()
        if stage.gate.metric != gate.metric || stage.gate.dropAtMost != gate.dropAtMost {
            add("gate", [stage.gate.metric.rawValue, "\(stage.gate.dropAtMost)"])
        }
        if stage.gate.rowsAtLeast != gate.rowsAtLeast { add("gate.rows_at_least", ["\(stage.gate.rowsAtLeast)"]) }
    }

    private mutating func add(_ optimizer: OptimizerSetting) {
        guard optimizer != .default else { return }
        let words = [
            optimizer.learningRate, optimizer.weightDecay, optimizer.momentum, optimizer.nesterov ? 1 : 0, optimizer.alpha, optimizer.betas[0],
            optimizer.betas[1], optimizer.epsilon,
        ]
        add("gradient.optimizer", [optimizer.kind.rawValue] + words.map { "\($0)" })
    }

    private mutating func add(_ schedule: ScheduleSetting) {
        guard schedule != ScheduleSetting() else { return }
        add("gradient.schedule", [schedule.kind.rawValue, "\(schedule.warmUp)", "\(schedule.every)", "\(schedule.factor)", "\(schedule.end)"])
    }

    private func options(of loss: LossSetting) -> [String] {
        switch loss {
        case .crossEntropy(let smoothing, let weights, let targets): ["\(smoothing)", targets.rawValue] + weights.map { "\($0)" }
        case .binaryCrossEntropy(let weight, let scores): ["\(weight)", scores.rawValue]
        case .multilabel(let weights, let scores): [scores.rawValue] + weights.map { "\($0)" }
        case .huber(let delta): ["\(delta)"]
        case .quantile(let quantiles): quantiles.map { "\($0)" }
        case .poisson(let rate): [rate.rawValue]
        case .cosineEmbedding(let margin): ["\(margin)"]
        case .output(let name): [name]
        case .meanSquaredError, .meanAbsoluteError: []
        }
    }
}
