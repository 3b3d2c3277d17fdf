/// Holds the figures at the end of an epoch. They are Codable, for cards, reports and checkpoints.
package struct EpochRecord: Sendable, Codable, Hashable {
    /// The number of the epoch, from 1; 0 is before training.
    package var epoch: Int
    /// The mean of the loss over the epoch's batches, each measured when it was trained on; nil for epoch 0.
    package var trainingLoss: Double?
    /// The metrics on the held-out rows after the epoch, by `Metric.rawValue`; empty without validation.
    package var validation: [String: Double]
    package var learningRate: Double?
    /// The seconds that the epoch took; parts that were repeated after a resume count once.
    package var seconds: Double

    package init(epoch: Int, trainingLoss: Double?, validation: [String: Double], learningRate: Double?, seconds: Double) {
        self.epoch = epoch
        self.trainingLoss = trainingLoss
        self.validation = validation
        self.learningRate = learningRate
        self.seconds = seconds
    }

    package subscript(metric metric: Metric) -> Double? { validation[metric.rawValue] }
}
