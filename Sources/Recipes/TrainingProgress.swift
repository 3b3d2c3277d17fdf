/// Describes the progress of a run.
package struct TrainingProgress: Codable, Sendable, Hashable {
    package enum Phase: String, Codable, Sendable, Hashable { case packing, building, training, evaluating }
    package var phase: Phase
    /// The number of the epoch, from 1; 0 before the first.
    package var epoch = 0
    package var epochs = 0
    /// The number of optimization steps taken. `steps` is the number in the whole plan.
    package var step = 0
    package var steps = 0
    /// The number of rows packed, or used in this epoch.
    package var rows = 0
    package var rowsPerEpoch = 0
    /// The mean of the loss over this epoch's batches so far.
    package var loss: Double?
    package var rowsPerSecond: Double?
    /// The remaining time of the whole plan in seconds, at the present speed.
    package var secondsLeft: Double?
    /// The number of others who compute shares of its batches.
    package var helpers = 0
    /// The record of an epoch, given once, when the epoch has ended and been measured.
    package var finished: EpochRecord?
    /// The reason why an earlier attempt's checkpoint is not used, given once; nil where there is none.
    package var startsOver: String?

    package init(_ phase: Phase) { self.phase = phase }
}
