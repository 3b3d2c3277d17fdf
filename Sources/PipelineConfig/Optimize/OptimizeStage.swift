/// The model made better: trained on labelled data, and taken only if it passes the gate.
package struct OptimizeStage: Sendable, Equatable, Codable {
    package let gradient: GradientDescent
    package let gate: Gate

    package init(gradient: GradientDescent, gate: Gate = Gate()) {
        self.gradient = gradient
        self.gate = gate
    }
}

package enum MetricSetting: String, Sendable, Equatable, Codable, CaseIterable {
    case accuracy, f1, auc
    case logLoss = "log_loss"
    case rmse, mae, r2
    /// The training loss on the held-out rows.
    case loss
}

/// What a candidate is measured by before it may become a version, against the model that it is to follow, on the same held-out rows.
package struct Gate: Sendable, Equatable, Codable {
    package let metric: MetricSetting
    /// Absolute, in the metric's worse direction, so never below 0; at 0 only what is better passes.
    package let dropAtMost: Double
    /// Nothing is trained until this many rows are held out to measure on.
    package let rowsAtLeast: Int

    package static let defaultRows = 30

    package init(metric: MetricSetting = .loss, dropAtMost: Double = 0, rowsAtLeast: Int = Gate.defaultRows) {
        self.metric = metric
        self.dropAtMost = dropAtMost
        self.rowsAtLeast = rowsAtLeast
    }
}

/// `M_optimized = M - eta * grad L`, and how to get there.
package struct GradientDescent: Sendable, Equatable, Codable {
    /// Which labelled rows a run trains on.
    package enum TrainOn: String, Sendable, Equatable, Codable, CaseIterable {
        /// Those of the file that arrived.
        case new
        /// Those of every labelled file accepted so far.
        case all
    }

    package struct EarlyStopping: Sendable, Equatable, Codable {
        /// Epochs without improvement of the validation loss before training stops.
        package let patience: Int
        /// A smaller improvement does not count.
        package let minimumImprovement: Double

        package init(patience: Int, minimumImprovement: Double = 0) {
            self.patience = patience
            self.minimumImprovement = minimumImprovement
        }
    }

    /// Low-rank factors on the weights that `targets` match.
    package struct Adapters: Sendable, Equatable, Codable {
        package let rank: Int
        /// Patterns of names of initializers, or of the MatMul and Gemm nodes that multiply by them; never empty.
        package let targets: [String]
        /// Whether they are merged into the weights when the model is written, or land as a file of their own beside the model as it was.
        package let merge: Bool

        package init(rank: Int, targets: [String], merge: Bool = true) {
            self.rank = rank
            self.targets = targets
            self.merge = merge
        }
    }

    package let loss: LossSetting
    /// The model outputs that the loss compares with the label, in its order; empty: the only one that fits.
    package let outputs: [String]
    package let optimizer: OptimizerSetting
    package let epochs: Int
    package let batchSize: Int
    package let schedule: ScheduleSetting
    /// The gradient's norm is scaled down to this.
    package let clipNorm: Double?
    /// Each element of the gradient is kept within plus and minus this.
    package let clipValue: Double?
    /// Batches whose gradients make one step.
    package let accumulate: Int
    /// Decay of the exponential moving average of the weights, which is then what lands.
    package let ema: Double?
    /// The share of rows that is held out, by a seeded hash of the row key.
    package let validation: Double
    package enum BatchNormalization: String, Sendable, Equatable, Codable, CaseIterable {
        case frozen
        /// Scale and bias are trained; running mean and variance stay.
        case affine
        /// Scale and bias are trained, on batches normalized by their own mean and variance, towards which the running ones move.
        case train
    }

    package let batchNormalization: BatchNormalization
    /// Patterns of initializers that stay as they are.
    package let freeze: [String]
    /// Patterns of initializers that are trained though they look like constants.
    package let train: [String]
    /// Patterns of weights that may become different from each other although the model stores them as copies.
    package let untie: [String]
    /// Patterns of initializers that do not decay.
    package let noDecay: [String]
    package let seed: Int
    package let trainOn: TrainOn
    package let earlyStopping: EarlyStopping?
    package let adapters: Adapters?
    /// nil: the daemon's share of the cores.
    package let threads: Int?

    package init(
        loss: LossSetting, outputs: [String] = [], optimizer: OptimizerSetting = .default, epochs: Int = 10, batchSize: Int = 32,
        schedule: ScheduleSetting = ScheduleSetting(), clipNorm: Double? = nil, clipValue: Double? = nil, accumulate: Int = 1, ema: Double? = nil,
        validation: Double = 0.2, freeze: [String] = [], train: [String] = [], untie: [String] = [],
        batchNormalization: BatchNormalization = .frozen, noDecay: [String] = [], seed: Int = 0, trainOn: TrainOn = .all,
        earlyStopping: EarlyStopping? = nil, adapters: Adapters? = nil, threads: Int? = nil
    ) {
        self.loss = loss
        self.outputs = outputs
        self.optimizer = optimizer
        self.epochs = epochs
        self.batchSize = batchSize
        self.schedule = schedule
        self.clipNorm = clipNorm
        self.clipValue = clipValue
        self.accumulate = accumulate
        self.ema = ema
        self.validation = validation
        self.freeze = freeze
        self.train = train
        self.untie = untie
        self.batchNormalization = batchNormalization
        self.noDecay = noDecay
        self.seed = seed
        self.trainOn = trainOn
        self.earlyStopping = earlyStopping
        self.adapters = adapters
        self.threads = threads
    }
}
