package import Recipes

/// Connects an attempt that runs with the code that started it.
package struct AttemptControl: Sendable {
    package var cancellation: AttemptCancellation
    /// The data to score; nil where it is opened by its name.
    package var data: AttemptData?
    /// Opens the files of the attempt; nil where they are opened by their names.
    package var files: (any AttemptFiles)?
    /// The attempt's place among the workers, which it asks between batches and between training steps; nil where nobody else waits for the
    /// thread.
    package var turn: (any AttemptTurn)?
    /// Is called from the attempt's thread at every step of a training, so it should be quick.
    package var progress: @Sendable (TrainingProgress) -> Void
    /// Is called from the attempt's thread as a phase begins. An attempt begins in `working`.
    package var phase: @Sendable (AttemptPhase) -> Void = { _ in }
    /// Is called from the attempt's thread before each batch and each training step, so it must be quick.
    package var step: @Sendable () -> Void = {}
    /// Is called from the attempt's thread with the number of ranges of its file that nobody has begun, or of those who may come to help it
    /// to train: others may score them (`AttemptSpec.Work.scoreRange`) or help (`AttemptSpec.Work.help`).
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

/// Describes a place among the workers, which an attempt that takes long gives to others for a while. One thread at a time asks for it and
/// pauses; `goOn` may come from any.
package protocol AttemptTurn: Sendable {
    /// Tells whether others should go first.
    var isOver: Bool { get }
    /// Lets others go first, and returns when the attempt may go on.
    func pause()
    /// Ends a pause at once, since the attempt is to end.
    func goOn()
}
