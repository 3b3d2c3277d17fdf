import ArgumentParser
import Autodiff
import Training

/// Loss, optimizer and schedule of `optimize`, with the same words and defaults as a pipeline's `gradient:`.
struct DescentOptions: ParsableArguments {
    enum Kind: String, ExpressibleByArgument, CaseIterable { case sgd, adagrad, rmsprop, adam, adamw, lion, lamb }
    enum BatchNormalizationKind: String, ExpressibleByArgument, CaseIterable { case frozen, affine, train }
    enum ScheduleKind: String, ExpressibleByArgument, CaseIterable {
        case constant, linear, cosine, step
        case oneCycle = "one_cycle"
    }

    @Option(name: .long, help: "What is made small.") var loss: LossArgument?
    @Option(name: .long, help: ArgumentHelp("The model output that the loss reads. Default: the only one that it can.", valueName: "output")) var prediction: [String] = []
    @Option(name: .long, help: "sgd, adagrad, rmsprop, adam, adamw, lion or lamb.") var optimizer: Kind = .adamw
    @Option(name: .long, help: "Default: by optimizer.") var learningRate: Double?
    @Option(name: .long, help: "Default: 0.01 for adamw, lamb and lion, otherwise 0.") var weightDecay: Double?
    @Option(name: .long, help: ArgumentHelp("Initializers that do not decay.", valueName: "pattern")) var noDecay: [String] = []
    @Option(name: .long, help: "Of sgd and rmsprop.") var momentum = 0.0
    @Flag(name: .long, help: "Of sgd.") var nesterov = false
    @Option(name: .long, help: "constant, linear, cosine, step or one_cycle.") var schedule: ScheduleKind = .constant
    @Option(name: .long, help: "Steps in which the learning rate rises.") var warmUp = 0
    @Option(name: .long, help: "Epochs from one drop of a step schedule to the next.") var every = 1
    @Option(name: .long, help: "What each drop of a step schedule multiplies by.") var factor = 0.1
    @Option(name: .long) var epochs = 10
    @Option(name: .long) var batchSize = 32
    @Option(name: .long, help: "Batches whose gradients make one step.") var accumulate = 1
    @Option(name: .long, help: "The gradient's length is scaled down to this.") var clipNorm: Double?
    @Option(name: .long, help: "Each element of the gradient is kept within plus and minus this.") var clipValue: Double?
    @Option(name: .long, help: "Decay of the moving average of the weights, which is then what is written.") var ema: Double?
    @Option(name: .long, help: "The share of rows held out, by a seeded hash of the row key.") var validation = 0.2
    @Option(name: .long, help: "Epochs without improvement before training stops.") var patience: Int?
    @Option(name: .long, help: "A smaller improvement does not count.") var minimumImprovement = 0.0
    @Option(name: .long, help: "What the best epoch is the best of: accuracy, f1, auc, log_loss, rmse, mae, r2 or loss.") var metric: Metric = .loss
    @Option(name: .long, help: ArgumentHelp("Initializers that stay as they are.", valueName: "pattern")) var freeze: [String] = []
    @Option(name: .long, help: "frozen, affine (scale and bias are trained) or train (on each batch's own statistics, which move the running ones).")
    var batchNormalization: BatchNormalizationKind = .frozen
    @Option(name: .long, help: ArgumentHelp("Train low-rank factors of this rank instead of the weights.", valueName: "rank")) var adapterRank: Int?
    @Option(name: .long, help: ArgumentHelp("The weights, or MatMul and Gemm nodes, that get adapters.", valueName: "pattern")) var adapterTarget: [String] = []
    @Flag(name: .customLong("no-merge"), help: "Write the trained factors alone, as a .safetensors file, and leave the model as it is.") var keepsAdapters = false
    @Option(name: .long, help: "Of the split, the order of rows, dropout and adapters.") var seed: UInt64 = 0

    func validate() throws {
        guard (adapterRank == nil) == adapterTarget.isEmpty else { throw ValidationError("--adapter-rank and --adapter-target go together.") }
        guard !keepsAdapters || adapterRank != nil else { throw ValidationError("--no-merge is of adapters: give --adapter-rank and --adapter-target.") }
        guard adapterRank == nil || batchNormalization == .frozen else {
            throw ValidationError("Beside adapters nothing else is trained: leave out --batch-normalization.")
        }
        guard !nesterov || optimizer == .sgd else { throw ValidationError("--nesterov is of sgd.") }
        guard momentum == 0 || optimizer == .sgd || optimizer == .rmsprop else { throw ValidationError("--momentum is of sgd and rmsprop.") }
        guard warmUp >= 0, every >= 1 else { throw ValidationError("--warm-up is at least 0 and --every at least 1.") }
    }

    func recipe(severalLabels: Bool) -> TrainingRecipe {
        TrainingRecipe(
            loss: loss?.taking(severalLabels: severalLabels) ?? .meanSquaredError, outputs: prediction, optimizer: descent,
            schedule: Schedule(shape, peak: learningRate ?? defaultLearningRate, warmUp: warmUp), weightDecay: weightDecay ?? defaultWeightDecay,
            noDecay: noDecay, clipValue: clipValue, clipNorm: clipNorm, accumulate: accumulate, average: ema, freeze: freeze,
            batchNormalization: BatchNormalizationTraining(rawValue: batchNormalization.rawValue) ?? .frozen,
            adapters: adapterRank.map { Adapters(rank: $0, targets: adapterTarget) }, seed: seed)
    }

    var plan: TrainingPlan {
        TrainingPlan(
            epochs: epochs, batchSize: batchSize, validation: validation, patience: patience, minimumImprovement: minimumImprovement, metric: metric,
            stepScheduleEpochs: schedule == .step ? every : nil, seed: seed)
    }

    /// Whether everything is as it is without a word.
    var isPlain: Bool {
        guard loss == nil, !keepsAdapters, let plain = try? Self.parse([]) else { return false }
        return plan == plain.plan && recipe(severalLabels: false) == plain.recipe(severalLabels: false)
    }

    private var descent: Optimizer {
        switch optimizer {
        case .sgd: .sgd(momentum: momentum, nesterov: nesterov)
        case .adagrad: .adagrad()
        case .rmsprop: .rmsprop(momentum: momentum)
        case .adam: .adam()
        case .adamw: .adamw()
        case .lion: .lion()
        case .lamb: .lamb()
        }
    }

    private var shape: Schedule.Shape {
        switch schedule {
        case .constant: .constant
        case .linear: .linear()
        case .cosine: .cosine()
        case .step: .step(every: 1, factor: factor)
        case .oneCycle: .oneCycle()
        }
    }

    private var defaultLearningRate: Double {
        switch optimizer {
        case .sgd, .adagrad: 0.01
        case .rmsprop, .adam, .adamw, .lamb: 1e-3
        case .lion: 1e-4
        }
    }

    private var defaultWeightDecay: Double { optimizer == .adamw || optimizer == .lamb || optimizer == .lion ? 0.01 : 0 }
}

extension Metric: ExpressibleByArgument {}
