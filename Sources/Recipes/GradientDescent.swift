/// Holds all that a pipeline's `gradient` says: how `M_optimized = M - eta * grad L` is computed.
package struct GradientDescent: Sendable, Codable, Hashable {
    package var loss: Loss
    /// The model outputs that the loss reads, in its order; empty means the only one that it can read.
    package var outputs: [String] = []
    package var optimizer: Optimizer
    /// The schedule of the learning rate, which is its peak.
    package var schedule: Schedule
    /// The weight decay. The formulas of `Optimizer` say what it is multiplied with.
    package var weightDecay: Double
    /// The patterns of parameters that do not decay.
    package var noDecay: [String] = []
    /// The limit of every element of the gradient, which is cut to plus and minus this before `clipNorm`.
    package var clipValue: Double?
    /// The length that the gradient of all parameters together is scaled down to (`g min(1, clipNorm / (|g| + 1e-6))`).
    package var clipNorm: Double?
    /// The number of batches whose gradients make one step, which equals one batch of all their rows.
    package var accumulate = 1
    /// The number of shares, where batches are cut; nil otherwise, so that runs from before it could be said go on.
    private var shareCount: Int?
    /// The decay `d` of a moving average of the weights, `a = d a + (1 - d) p` after every step, from the first weights on. The average is
    /// then what lands.
    package var average: Double?
    /// The patterns of parameters that stay unchanged.
    package var freeze: [String] = []
    /// The patterns of parameters that are trained though they look like constants; see `ParameterRoles`.
    package var train: [String] = []
    /// The patterns of weights that may become different from each other although the model stores them as copies; see `SharedWeights`.
    package var untie: [String] = []
    package var batchNormalization = BatchNormalization.frozen
    package var adapters: Adapters?
    package var epochs = 10
    /// The largest number of rows in a batch. In each epoch every training row is used once, in a new order; the last batch has the rows
    /// that are left, and counts as one batch. Where the model fixes its batch, this number is the fixed one, and the last batch is filled
    /// up with rows of weight 0.
    package var batchSize = 32
    /// The share of rows that is held out, by a seeded hash of the row key. With 0 the last epoch is kept, and nothing is measured.
    package var validation = 0.2
    package var trainOn = TrainOn.all
    package var earlyStopping: EarlyStopping?
    /// The seed of the split, the order of the rows, dropout masks and the first values of adapters.
    package var seed = 0
    /// The precision where it is not float32. It is nil otherwise, so that runs from before it could be said go on.
    private var reducedPrecision: Precision?
    /// The number of the engine's threads; nil means the daemon's share of the cores.
    package var threads: Int?

    /// - Parameters:
    ///   - learningRate: the schedule's peak; nil is the optimizer's own default, as for `weightDecay`.
    package init(
        loss: Loss, optimizer: Optimizer = .adamw(), learningRate: Double? = nil, weightDecay: Double? = nil,
        _ change: (inout GradientDescent) -> Void = { _ in }
    ) {
        self.loss = loss
        self.optimizer = optimizer
        schedule = Schedule(peak: learningRate ?? optimizer.kind.defaultLearningRate)
        self.weightDecay = weightDecay ?? optimizer.kind.defaultWeightDecay
        change(&self)
    }

    /// Takes an optimizer with the learning rate and decay that are usual for it.
    package mutating func use(_ optimizer: Optimizer.Kind) {
        self.optimizer = Optimizer(optimizer)
        schedule.peak = optimizer.defaultLearningRate
        weightDecay = optimizer.defaultWeightDecay
    }
}

extension GradientDescent {
    /// Names the numbers that products of a step may be computed in. Weights, the optimizer's state and sums are float32 always.
    package enum Precision: String, Sendable, Codable, CaseIterable {
        case float32, bfloat16
    }

    /// The number of parts into which each batch is cut. Each part has its own gradients, which are added in the order of the parts, so
    /// that whoever computes them gives the same bytes. With 1 batches stay whole.
    package var shares: Int {
        get { shareCount ?? 1 }
        set { shareCount = newValue == 1 ? nil : newValue }
    }

    package var precision: Precision {
        get { reducedPrecision ?? .float32 }
        set { reducedPrecision = newValue == .float32 ? nil : newValue }
    }

    /// Names the labelled rows that a run trains on.
    package enum TrainOn: String, Sendable, Codable, CaseIterable {
        /// The run trains on the rows of the file that arrived.
        case new
        /// The run trains on the rows of every labelled file accepted so far.
        case all
    }

    /// Names the part of a BatchNormalization in inference form that is trained.
    package enum BatchNormalization: String, Sendable, Codable, CaseIterable {
        case frozen
        /// Scale and bias are trained; running mean and variance stay.
        case affine
        /// Scale and bias are trained, on batches that are normalized by their own statistics; running mean and variance move towards these
        /// in every batch, including rows that do not count.
        case train
    }

    package struct EarlyStopping: Sendable, Codable, Hashable {
        /// The number of epochs without improvement of the gate's metric after which training stops.
        package var patience: Int
        /// The smallest improvement that counts.
        package var minimumImprovement: Double

        package init(patience: Int, minimumImprovement: Double = 0) {
            self.patience = patience
            self.minimumImprovement = minimumImprovement
        }
    }

    /// Describes low-rank factors on chosen weights (Hu et al. 2021): `x W` becomes `x W + (scale / rank) (x A) B` with `A [K, rank]`
    /// seeded and `B [rank, M]` 0; nothing else is trained.
    package struct Adapters: Sendable, Codable, Hashable {
        package var rank: Int
        /// The patterns of initializers, or of the MatMul and Gemm nodes that multiply by them; never empty.
        package var targets: [String]
        package var scale: Double
        /// Tells whether the adapters are merged into the weights when the model is written. Otherwise they are published as a file of
        /// their own, with the unchanged model.
        package var merge: Bool

        /// Makes adapters. Without `scale`, it is the rank, so that the product counts once.
        package init(rank: Int, targets: [String], scale: Double? = nil, merge: Bool = true) {
            self.rank = rank
            self.targets = targets
            self.scale = scale ?? Double(rank)
            self.merge = merge
        }
    }
}

// MARK: Keys

extension GradientDescent {
    /// The keys of `gradient` that take one value or a list, in the order in which the revision writes them. Keys with options of their own
    /// (`loss`, `optimizer`, `schedule`, `early_stopping`, `adapters`) and `threads`, which is no part of what is learnt, are apart.
    package static let hyperparameters: [Hyperparameter<GradientDescent>] = [
        .integer("epochs", \.epochs, 1...100_000, "how often each row is met"),
        .integer("batch_size", \.batchSize, 1...1_000_000, "the largest number of rows in a batch"),
        .number("clip_norm", \.clipNorm, .positive, like: "1.0", "the length that the gradient is scaled down to; left out: off"),
        .number("clip_value", \.clipValue, .positive, like: "0.5", "what each element of the gradient is cut to; left out: off"),
        .integer("accumulate", \.accumulate, 1...100_000, "batches whose gradients make one step"),
        .integer("shares", \.shares, 1...1024, "parts of a batch, which several workers may compute at the same time"),
        .number(
            "ema", \.average, .between, like: "0.999", "the decay of the moving average of the weights, which then lands; left out: off"),
        .number("validation", \.validation, .belowOne, like: "0.2", "the share of rows held out to measure on"),
        .names("freeze", \.freeze, "patterns of parameters that stay as they are"),
        .names("train", \.train, "patterns of parameters that are trained though they look like constants"),
        .names("untie", \.untie, "patterns of weights that may become different from their copies"),
        .word("batch_normalization", \.batchNormalization, "what of a BatchNormalization is trained"),
        .word("precision", \.precision, "the numbers that products may be computed in, where that is faster and the loss falls alike"),
        .names("no_decay", \.noDecay, "patterns of parameters that do not decay"),
        .integer("seed", \.seed, 0...Int.max, "decides the split, the order of rows, dropout and adapters"),
        .word("train_on", \.trainOn, "the rows of the file that arrived, or of all so far"),
    ]

    /// The options of each optimizer.
    package static let optimizerOptions: [Hyperparameter<GradientDescent>] =
        [
            .number("learning_rate", \.schedule.peak, .positive, like: "1.0e-3", "the largest learning rate; left out: by optimizer"),
            .number("weight_decay", \.weightDecay, .notNegative, like: "0.01", "left out: 0.01 for adamw, lamb and lion, otherwise 0"),
        ] + Optimizer.options.map { $0.within(\.optimizer) }

    package static let scheduleOptions: [Hyperparameter<GradientDescent>] = Schedule.options.map { $0.within(\.schedule) }

    /// The options of `early_stopping`, which may also be its `patience` alone.
    package static let earlyStoppingOptions: [Hyperparameter<EarlyStopping>] = [
        .integer("patience", \.patience, 1...100_000, "epochs without improvement before training stops"),
        .number("min_improvement", \.minimumImprovement, .notNegative, like: "0.001", "a smaller improvement does not count"),
    ]
}

// MARK: Checking

extension GradientDescent {
    /// Describes the fault of one key.
    package struct Fault: Hashable, Sendable {
        package let key: String
        package let reason: String
        package let remedy: String
    }

    /// The faults of keys that are right alone and wrong together.
    package var conflicts: [Fault] {
        var faults: [Fault] = []
        if optimizer.nesterov == true, optimizer.momentum == 0 {
            faults.append(
                .init(key: "nesterov", reason: "there is no momentum to look ahead by", remedy: "write momentum: 0.9, or remove it"))
        }
        if shares > batchSize {
            faults.append(
                .init(
                    key: "shares", reason: "it is \(shares), and a batch has \(batchSize) rows",
                    remedy: "write at most \(batchSize), or a larger batch_size"))
        }
        if earlyStopping != nil, validation == 0 {
            faults.append(
                .init(
                    key: "early_stopping", reason: "without held-out rows nothing says when to stop",
                    remedy: "write validation: 0.2, or remove it"))
        }
        if adapters != nil, batchNormalization != .frozen {
            faults.append(
                .init(key: "batch_normalization", reason: "beside adapters nothing else is trained", remedy: "remove it, or the adapters"))
        }
        if adapters != nil, !untie.isEmpty {
            faults.append(
                .init(
                    key: "untie", reason: "beside adapters no weight is trained, so that none is shared",
                    remedy: "remove it, or the adapters"))
        }
        return faults
    }

    /// The first fault, for settings that were not read from a pipeline.
    package var fault: Fault? {
        func first<Root>(_ keys: [Hyperparameter<Root>], in root: Root) -> Fault? {
            for key in keys {
                if let reason = key.fault(in: root) { return Fault(key: key.key, reason: reason, remedy: "mend it") }
            }
            return nil
        }
        return first(Self.hyperparameters, in: self) ?? first(Self.optimizerOptions, in: self) ?? first(Self.scheduleOptions, in: self)
            ?? first(Loss.options, in: loss) ?? earlyStopping.flatMap { first(Self.earlyStoppingOptions, in: $0) } ?? conflicts.first
    }
}
