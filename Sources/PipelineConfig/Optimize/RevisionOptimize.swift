import Recipes

extension CanonicalForm {
    /// Adds the settings that are not the default; among them `threads`, because sums in another order give other bytes.
    mutating func add(_ stage: OptimizeStage) {
        add("stage", ["optimize"])
        let gradient = stage.gradient
        add(
            "gradient.loss",
            [gradient.loss.kind.rawValue] + Loss.options.flatMap { $0.value(gradient.loss)?.words ?? [] } + ownLoss(gradient.loss))
        add("gradient.loss.output", gradient.outputs)
        addOptimizer(gradient)
        add(gradient.schedule)
        let standard = GradientDescent(loss: gradient.loss)
        for key in GradientDescent.hyperparameters {
            let value = key.value(gradient)
            if value != key.value(standard) { add("gradient." + key.key, value?.words ?? []) }
        }
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

    private func ownLoss(_ loss: Loss) -> [String] { if case .output(let name) = loss { [name] } else { [] } }

    /// Adds all eight words of the optimizer if one of them is not the default of adamw; an option that the optimizer does not have gets a
    /// value without meaning.
    private mutating func addOptimizer(_ gradient: GradientDescent) {
        let optimizer = gradient.optimizer
        let standard = GradientDescent(loss: gradient.loss)
        guard
            optimizer != standard.optimizer || gradient.schedule.peak != standard.schedule.peak
                || gradient.weightDecay != standard.weightDecay
        else { return }
        let betas = optimizer.betas ?? [0.9, 0.999]
        let words = [
            gradient.schedule.peak, gradient.weightDecay, optimizer.momentum ?? 0, optimizer.nesterov == true ? 1 : 0,
            optimizer.alpha ?? 0.99,
            betas[0], betas[1], optimizer.epsilon ?? 1e-8,
        ]
        add("gradient.optimizer", [optimizer.kind.rawValue] + words.map { "\($0)" })
    }

    private mutating func add(_ schedule: Schedule) {
        guard schedule.kind != .constant || schedule.warmUp != 0 else { return }
        add(
            "gradient.schedule",
            [schedule.kind.rawValue, "\(schedule.warmUp)", "\(schedule.every ?? 1)", "\(schedule.factor ?? 0.1)", "\(schedule.end ?? 0)"])
    }
}
