/// How often and in what order the steps of a recipe are taken, and how it is judged when to stop.
package struct TrainingPlan: Sendable, Codable, Hashable {
    package var epochs: Int
    /// The largest number of rows in a batch. In each epoch every training row is met once, in a new order; the last batch has the rows
    /// that are left, and counts as one batch. Where the model fixes its batch, this number is the fixed one, and the last batch is filled
    /// up with rows of weight 0.
    package var batchSize: Int
    /// The share of rows held out, at least 0 and less than 1. With 0 the last epoch is what is kept, and nothing is measured.
    package var validation: Double
    /// The number of rows that must be held out, otherwise nothing is trained; it has no meaning where `validation` is 0.
    package var validationRowsAtLeast: Int
    /// Epochs without improvement of `metric` after which training stops; `nil`: never before the last.
    package var patience: Int?
    /// A smaller improvement does not count.
    package var minimumImprovement: Double
    /// What the best epoch is the best of, the model as it was given not being one of them.
    package var metric: Metric
    /// Metrics to measure beside it.
    package var alsoMeasured: [Metric]
    /// Of the split, the order of the rows and, through the recipe, whatever else is drawn.
    package var seed: UInt64
    package var threads: Int
    /// A checkpoint is written at the end of each epoch, and whenever this many steps have passed since the last one.
    package var checkpointSteps: Int

    package init(
        epochs: Int = 10, batchSize: Int = 32, validation: Double = 0.2, validationRowsAtLeast: Int = 1, patience: Int? = nil,
        minimumImprovement: Double = 0, metric: Metric = .loss, alsoMeasured: [Metric] = [], seed: UInt64 = 0, threads: Int = 1,
        checkpointSteps: Int = 1000
    ) {
        self.epochs = epochs
        self.batchSize = batchSize
        self.validation = validation
        self.validationRowsAtLeast = validationRowsAtLeast
        self.patience = patience
        self.minimumImprovement = minimumImprovement
        self.metric = metric
        self.alsoMeasured = alsoMeasured
        self.seed = seed
        self.threads = threads
        self.checkpointSteps = checkpointSteps
    }
}
