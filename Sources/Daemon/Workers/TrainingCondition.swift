import Foundation
import Ledger
import PipelineConfig
import Recipes
import Synchronization

/// Says in `status` how far a training is.
final class TrainingCondition: Sendable {
    /// Holds the same for programs.
    private struct Facts: Encodable {
        let run: Int64
        let file: String
        let phase: String
        let epoch: Int
        let epochs: Int
        let step: Int
        let steps: Int
        let rows: Int
        let loss: Double?
        let rowsPerSecond: Double?
        let secondsLeft: Double?
        let helpers: Int
    }

    private let key: Condition.Key
    private let run: Int64
    private let file: String
    private let conditions: ConditionBoard
    private struct State {
        var next = ContinuousClock.now
        /// The loss that was said last, since there is none while the model is measured.
        var loss: Double?
    }

    private let state = Mutex(State())

    init(_ assignment: Dispatcher.Assignment, _ conditions: ConditionBoard) {
        run = assignment.run.number
        file = assignment.arrival.path
        key = Condition.Key(.training, pipeline: assignment.pipeline.name, subject: "run \(run)")
        self.conditions = conditions
    }

    /// Says how far the training is, at most once a second.
    func update(_ progress: TrainingProgress) {
        var progress = progress
        let isDue = state.withLock { state in
            progress.loss = progress.loss ?? state.loss
            state.loss = progress.loss
            guard ContinuousClock.now >= state.next else { return false }
            state.next = .now + .seconds(1)
            return true
        }
        guard isDue else { return }
        let facts = Facts(
            run: run, file: file, phase: progress.phase.rawValue, epoch: progress.epoch, epochs: progress.epochs, step: progress.step,
            steps: progress.steps, rows: progress.rows, loss: progress.loss.flatMap { $0.isFinite ? $0 : nil },
            rowsPerSecond: progress.rowsPerSecond, secondsLeft: progress.secondsLeft, helpers: progress.helpers)
        conditions.set(key, "\(file): \(Self.text(progress))", facts: facts)
    }

    func end() { conditions.clear(key) }

    private static func text(_ progress: TrainingProgress) -> String {
        guard progress.epochs > 0 else {
            return progress.phase == .packing ? "\(progress.rows) rows packed" : "the training graph is being built"
        }
        var parts = ["epoch \(progress.epoch) of \(progress.epochs)", "step \(progress.step) of \(progress.steps)"]
        if let loss = progress.loss { parts.append(String(format: "loss %.4g", loss)) }
        if let speed = progress.rowsPerSecond { parts.append(String(format: "%.0f rows/s", speed)) }
        if let left = progress.secondsLeft { parts.append(String(format: "%.0f s left", left)) }
        if progress.helpers > 0 { parts.append(progress.helpers == 1 ? "1 other helps" : "\(progress.helpers) others help") }
        if progress.phase == .evaluating { parts.append("measuring") }
        return parts.joined(separator: ", ")
    }
}
