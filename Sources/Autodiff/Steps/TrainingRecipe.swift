/// Everything that decides what one optimization step computes, and nothing of how often it is done.
package struct TrainingRecipe: Sendable, Codable, Hashable {
    package var loss: Loss
    /// The model outputs that the loss reads, in its order; empty: the only one that it can read.
    package var outputs: [String]
    package var optimizer: Optimizer
    package var schedule: Schedule
    /// See `Optimizer` for what it is multiplied into.
    package var weightDecay: Double
    /// Patterns of parameters that do not decay.
    package var noDecay: [String]
    /// Every element of the gradient is cut to plus and minus this, before `clipNorm`.
    package var clipValue: Double?
    /// The gradient of all parameters together is scaled down to this length (`g min(1, clipNorm / (|g| + 1e-6))`).
    package var clipNorm: Double?
    /// Batches whose gradients make one step; equals one batch of all their rows.
    package var accumulate: Int
    /// The decay `d` of a moving average of the weights, `a = d a + (1 - d) p` after every step, from the first weights on.
    package var average: Double?
    /// Patterns of parameters that stay as they are.
    package var freeze: [String]
    /// Patterns of parameters that are trained though they look like constants; see `ParameterRoles`.
    package var train: [String]
    /// Patterns of weights that may become different from each other although the model stores them as copies; see `SharedWeights`.
    package var untie: [String]
    package var batchNormalization: BatchNormalizationTraining
    package var adapters: Adapters?
    /// Of dropout masks and the first values of adapters.
    package var seed: UInt64

    package init(
        loss: Loss, outputs: [String] = [], optimizer: Optimizer = .adamw(), schedule: Schedule = Schedule(peak: 1e-3), weightDecay: Double = 0,
        noDecay: [String] = [], clipValue: Double? = nil, clipNorm: Double? = nil, accumulate: Int = 1, average: Double? = nil,
        freeze: [String] = [], train: [String] = [], untie: [String] = [], batchNormalization: BatchNormalizationTraining = .frozen,
        adapters: Adapters? = nil, seed: UInt64 = 0
    ) {
        self.loss = loss
        self.outputs = outputs
        self.optimizer = optimizer
        self.schedule = schedule
        self.weightDecay = weightDecay
        self.noDecay = noDecay
        self.clipValue = clipValue
        self.clipNorm = clipNorm
        self.accumulate = accumulate
        self.average = average
        self.freeze = freeze
        self.train = train
        self.untie = untie
        self.batchNormalization = batchNormalization
        self.adapters = adapters
        self.seed = seed
    }
}

/// What is trained of a BatchNormalization in inference form.
package enum BatchNormalizationTraining: String, Sendable, Codable, Hashable {
    case frozen
    /// Scale and bias; running mean and variance stay.
    case affine
    /// Scale and bias, on batches that are normalized by their own statistics; running mean and variance move towards these in every batch, rows
    /// that do not count included.
    case train
}

/// Low-rank factors on chosen weights (Hu et al. 2021): `x W` becomes `x W + (scale / rank) (x A) B` with `A [K, rank]` seeded and
/// `B [rank, M]` 0; nothing else is trained.
package struct Adapters: Sendable, Codable, Hashable {
    package var rank: Int
    /// Patterns of initializers, or of the MatMul and Gemm nodes that multiply by them.
    package var targets: [String]
    package var scale: Double

    /// `scale` is the rank where not given, so that the product counts once.
    package init(rank: Int, targets: [String], scale: Double? = nil) {
        self.rank = rank
        self.targets = targets
        self.scale = scale ?? Double(rank)
    }
}
