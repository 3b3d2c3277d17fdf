/// The progress of a run.
package struct TrainingProgress: Codable, Sendable, Hashable {
    package enum Phase: String, Codable, Sendable, Hashable { case packing, building, training, evaluating }
    package var phase: Phase
    /// The number of the epoch, from 1; 0 before the first.
    package var epoch = 0
    package var epochs = 0
    /// Optimization steps taken, and those of the whole plan.
    package var step = 0
    package var steps = 0
    /// Rows packed, or met in this epoch.
    package var rows = 0
    package var rowsPerEpoch = 0
    /// The mean over this epoch's batches so far.
    package var loss: Double?
    package var rowsPerSecond: Double?
    /// The remaining time of the whole plan, at the present speed.
    package var secondsLeft: Double?
    /// Set once, when an epoch has ended and been measured.
    package var finished: EpochRecord?
    /// Set once, where an earlier attempt's checkpoint is not gone on from: why not.
    package var startsOver: String?

    package init(_ phase: Phase) { self.phase = phase }
}
