package import Recipes

/// The connection between an attempt that runs and the code that started it.
package struct AttemptControl: Sendable {
    package var cancellation: AttemptCancellation
    /// The data to score; nil where it is opened by its name.
    package var data: AttemptData?
    /// Asked between batches and between training steps. Nil where nobody else waits for the thread.
    package var turn: (any AttemptTurn)?
    /// Called from the attempt's thread at every step of a training, so it should be quick.
    package var progress: @Sendable (TrainingProgress) -> Void
    /// Called from the attempt's thread as a phase begins. An attempt begins in `working`.
    package var phase: @Sendable (AttemptPhase) -> Void = { _ in }
    /// Called from the attempt's thread before each batch and each training step, so it must be quick.
    package var step: @Sendable () -> Void = {}
    /// Called from the attempt's thread with the number of ranges of its file that nobody has begun: others may score them
    /// (`AttemptSpec.Work.scoreRange`).
    package var offer: @Sendable (Int) -> Void = { _ in }

    package init(
        _ cancellation: AttemptCancellation = AttemptCancellation(), turn: (any AttemptTurn)? = nil,
        progress: @escaping @Sendable (TrainingProgress) -> Void = { _ in }
    ) {
        self.cancellation = cancellation
        self.turn = turn
        self.progress = progress
    }
}

/// A place among the workers, which an attempt that takes long gives to others for a while. Called from the attempt's thread, but for
/// `goOn`.
package protocol AttemptTurn: Sendable {
    /// Whether others should go first.
    var isOver: Bool { get }
    /// Lets others go first, and returns when the attempt may go on.
    func pause()
    /// Ends a pause at once, since the attempt is to end.
    func goOn()
}
