import FileSystem
import Foundation
import Recipes
import Tensors
import TrainingGraph

/// Runs epochs of steps, and measures and saves between them.
struct TrainingLoop {
    let run: FineTuning
    let control: TrainingControl
    let rows: RowStore
    let machine: StepMachine
    let evaluator: Evaluator
    let batchSize: Int
    let isFixed: Bool
    var store: CheckpointStore

    private(set) var checkpoint = Checkpoint(fingerprint: "")
    private(set) var stoppedEarly = false
    private var savedSteps = 0
    /// The parameters in which the given model has infinities or NaN, which may stay so.
    private var nonFinite: Set<String> = []
    private var pace = Pace()

    init(
        run: FineTuning, control: TrainingControl, rows: RowStore, machine: StepMachine, evaluator: Evaluator, batchSize: Int,
        isFixed: Bool,
        store: CheckpointStore
    ) {
        self.run = run
        self.control = control
        self.rows = rows
        self.machine = machine
        self.evaluator = evaluator
        self.batchSize = batchSize
        self.isFixed = isFixed
        self.store = store
    }

    private var recipe: GradientDescent { run.recipe }
    private var batchesPerEpoch: Int { BatchOrder.count(rows: rows.training.rowCount, batchSize: batchSize) }
    private var stepsPerEpoch: Int { (batchesPerEpoch + recipe.accumulate - 1) / recipe.accumulate }
    private var totalSteps: Int { stepsPerEpoch * recipe.epochs }

    /// Goes on from the last checkpoint, or measures the model as it was given.
    /// - Returns: the number of steps that were already taken.
    mutating func begin() throws(TrainingError) -> Int {
        nonFinite = Set(machine.namedParameters.filter { !$0.tensor.isFinite }.map(\.name))
        switch store.latest() {
        case .whole(let found, let state):
            FaultPoint.reach(.trainingResumed)
            checkpoint = found
            try machine.restore(state)
            savedSteps = checkpoint.steps
            return checkpoint.steps
        case .ofAnotherMachine(let why): report(.training, startsOver: why)
        case .none: break
        }
        let started = ContinuousClock.now
        let values = try measure()
        checkpoint.history = [record(epoch: 0, values, trainingLoss: nil, learningRate: nil)]
        checkpoint.seconds = (ContinuousClock.now - started) / .seconds(1)
        report(.evaluating, finished: checkpoint.history[0])
        return 0
    }

    mutating func train() throws(TrainingError) {
        var stopping = EarlyStopping(
            recipe.earlyStopping, metric: run.gate.metric, bestValue: checkpoint.bestValue,
            epochsSinceBest: checkpoint.epochsSinceBest)
        while checkpoint.epoch <= recipe.epochs, !stopping.isExhausted {
            let started = ContinuousClock.now
            let before = checkpoint.seconds
            try trainEpoch { checkpoint in checkpoint.seconds = before + (ContinuousClock.now - started) / .seconds(1) }
            let values = try measure()
            let epoch = checkpoint.epoch
            let isBest = rows.validation.rowCount == 0 || stopping.note(values[run.gate.metric] ?? .nan)
            if isBest {
                try checkParameters()
                checkpoint.bestEpoch = epoch
            }
            checkpoint.bestValue = stopping.bestValue
            checkpoint.epochsSinceBest = stopping.epochsSinceBest
            checkpoint.seconds = before + (ContinuousClock.now - started) / .seconds(1)
            checkpoint.history.append(
                record(
                    epoch: epoch, values, trainingLoss: checkpoint.lossSum / checkpoint.lossWeight,
                    learningRate: rate(step: checkpoint.steps - 1)))
            checkpoint.epoch += 1
            checkpoint.batchesOfEpoch = 0
            checkpoint.lossSum = 0
            checkpoint.lossWeight = 0
            try save(isBest: isBest)
            report(.evaluating, finished: checkpoint.history.last)
        }
        stoppedEarly = checkpoint.epoch <= recipe.epochs
    }

    private mutating func trainEpoch(_ note: (inout Checkpoint) -> Void) throws(TrainingError) {
        let order = BatchOrder(
            rowCount: rows.training.rowCount, batchSize: batchSize, isFixed: isFixed, seed: UInt64(recipe.seed), epoch: checkpoint.epoch)
        while checkpoint.batchesOfEpoch < order.count {
            if control.isCancelled() {
                note(&checkpoint)
                try save()
                throw .cancelled
            }
            let (numbers, counting) = order[checkpoint.batchesOfEpoch]
            var batch = try rows.training.batch(numbers)
            batch.count(only: counting)
            let isLast = checkpoint.batchesOfEpoch + 1 == order.count
            let ends = isLast || (checkpoint.batchesOfEpoch + 1) % recipe.accumulate == 0
            let answer = try machine.run(
                batch, learningRate: rate(step: checkpoint.steps), number: checkpoint.batches, apply: ends, cancellation: control.engine)
            guard answer.loss.isFinite else { throw try diverged(batch, isStep: true) }
            if answer.lossWeight > 0 {
                checkpoint.lossSum += answer.loss * answer.lossWeight
                checkpoint.lossWeight += answer.lossWeight
            }
            checkpoint.batches += 1
            checkpoint.batchesOfEpoch += 1
            if ends { checkpoint.steps += 1 }
            pace.note(rows: (checkpoint.epoch - 1) * rows.training.rowCount + order.rows(before: checkpoint.batchesOfEpoch), at: .now)
            report(.training)
            if ends, !isLast, checkpoint.steps - savedSteps >= run.checkpointSteps {
                note(&checkpoint)
                try save()
            }
        }
    }

    private func rate(step: Int) -> Double {
        recipe.schedule.rate(step: step, of: totalSteps, stepsPerEpoch: stepsPerEpoch)
    }

    /// Returns the metrics on the held-out rows; empty where there are none.
    private func measure() throws(TrainingError) -> [Metric: Double] {
        guard rows.validation.rowCount > 0 else { return [:] }
        report(.evaluating)
        var first: RowBatch?
        let values = try evaluator.measure(
            rows.validation, check: { () throws(TrainingError) in if control.isCancelled() { throw .cancelled } }
        ) {
            batch throws(TrainingError) in
            let answer = try machine.evaluate(batch, cancellation: control.engine)
            if !answer.loss.isFinite, first == nil { first = batch }
            return answer
        }
        if let first { throw try diverged(first, isStep: false) }
        return values
    }

    /// Throws for parameters that the last step made infinite or NaN. The loss does not show them where no rows are held out, or none that
    /// need them.
    private func checkParameters() throws(TrainingError) {
        guard let broken = machine.namedParameters.first(where: { !nonFinite.contains($0.name) && !$0.tensor.isFinite }) else { return }
        throw .diverged(step: checkpoint.steps, layer: "parameter \(broken.name)", remedy: Self.remedy)
    }

    private static let remedy =
        "lower the learning rate, clip the gradient (clip_norm), or look at the features' scale; nothing was changed"

    /// Returns the error for a loss that is not finite. It must be called right after the step or measurement that gave the loss.
    private func diverged(_ batch: RowBatch, isStep: Bool) throws(TrainingError) -> TrainingError {
        let search = NonFiniteSearch(machine.graph, threads: run.threads)
        // The search needs the values that the step began with, not those that it made of them.
        if isStep { _ = machine.stepBack() }
        let layer = search.firstNonFinite(machine.evaluationFeeds(batch), parameters: machine.namedParameters)
        let step = checkpoint.steps + 1
        let isFirst = checkpoint.steps == 0
        return .diverged(
            step: step, layer: layer,
            remedy: isFirst
                ? "the model gives it before anything was trained: look at its weights and at the features' scale"
                : Self.remedy)
    }

    private func record(epoch: Int, _ values: [Metric: Double], trainingLoss: Double?, learningRate: Double?) -> EpochRecord {
        EpochRecord(
            epoch: epoch, trainingLoss: trainingLoss,
            validation: Dictionary(uniqueKeysWithValues: values.map { ($0.key.rawValue, $0.value) }),
            learningRate: learningRate, seconds: checkpoint.seconds)
    }

    /// Saves a checkpoint. The parameters of the best epoch are written to disk, so that memory does not hold them.
    private mutating func save(isBest: Bool = false) throws(TrainingError) {
        try store.save(&checkpoint, state: machine.named, best: isBest ? machine.namedParameters : nil)
        savedSteps = checkpoint.steps
    }

    private func report(_ phase: TrainingProgress.Phase, finished: EpochRecord? = nil, startsOver: String? = nil) {
        var progress = TrainingProgress(phase)
        progress.startsOver = startsOver
        progress.epoch = min(finished?.epoch ?? checkpoint.epoch, recipe.epochs)
        progress.epochs = recipe.epochs
        progress.step = checkpoint.steps
        progress.steps = totalSteps
        progress.rowsPerEpoch = rows.training.rowCount
        progress.rows = min(checkpoint.batchesOfEpoch * batchSize, progress.rowsPerEpoch)
        if checkpoint.lossWeight > 0 { progress.loss = checkpoint.lossSum / checkpoint.lossWeight }
        progress.rowsPerSecond = pace.rowsPerSecond
        if let speed = progress.rowsPerSecond {
            let left = (recipe.epochs - checkpoint.epoch + 1) * progress.rowsPerEpoch - progress.rows
            progress.secondsLeft = Double(left) / speed
        }
        progress.helpers = machine.helpers
        progress.finished = finished
        control.progress(progress)
    }
}

extension BatchOrder {
    /// Returns the number of rows that count in the batches before `index`.
    fileprivate func rows(before index: Int) -> Int { min(index * batchSize, rowCount) }
}
