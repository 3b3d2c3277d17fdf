package import Engine
package import Recipes

/// Reports the progress of a run and cancels it.
package struct TrainingControl: Sendable {
    /// The cancellation that ends a step which is running.
    package var engine: Cancellation?
    /// Called between steps; `true` ends the run with `TrainingError.cancelled`, after a checkpoint.
    package var isCancelled: @Sendable () -> Bool
    /// Called at every step, on the run's thread, so that it should be quick.
    package var progress: @Sendable (TrainingProgress) -> Void
    /// Gets those who help where batches are cut into shares; nil where nobody can.
    package var help: ShareHelp?

    package init(
        engine: Cancellation? = nil, isCancelled: @escaping @Sendable () -> Bool = { false },
        progress: @escaping @Sendable (TrainingProgress) -> Void = { _ in }, help: ShareHelp? = nil
    ) {
        self.engine = engine
        self.isCancelled = isCancelled
        self.progress = progress
        self.help = help
    }
}
