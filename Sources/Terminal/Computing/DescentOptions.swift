package import ArgumentParser
package import PipelineConfig
package import Recipes

/// Offers a pipeline's `optimize` stage as options, with the same words and defaults.
package struct DescentOptions: ParsableArguments {
    @Option(name: .long, help: "What is made small.") package var loss: LossArgument?
    @Option(
        name: .long, help: ArgumentHelp("The model output that the loss reads. Default: the only one that it can.", valueName: "output"))
    package var prediction: [String] = []
    @Option(name: .long, help: "How a gradient becomes a step.") package var optimizer: Optimizer.Kind = .adamw
    @Option(name: .long, help: "Default: by optimizer.") package var learningRate: Double?
    @Option(name: .long, help: "Default: 0.01 for adamw, lamb and lion, otherwise 0.") package var weightDecay: Double?
    @Option(name: .long, help: ArgumentHelp("Initializers that do not decay.", valueName: "pattern")) package var noDecay: [String] = []
    @Option(name: .long, help: "Of sgd and rmsprop.") package var momentum = 0.0
    @Flag(name: .long, help: "Of sgd.") package var nesterov = false
    @Option(name: .long, help: "How the learning rate changes from step to step.") package var schedule: Schedule.Kind = .constant
    @Option(name: .long, help: "Steps in which the learning rate rises.") package var warmUp = 0
    @Option(name: .long, help: "Epochs from one drop of a step schedule to the next.") package var every = 1
    @Option(name: .long, help: "What each drop of a step schedule multiplies by.") package var factor = 0.1
    @Option(name: .long) package var epochs = 10
    @Option(name: .long) package var batchSize = 32
    @Option(name: .long, help: "Batches whose gradients make one step.") package var accumulate = 1
    @Option(name: .long, help: "Parts into which each batch is cut; see `shares` of a pipeline.") package var shares = 1
    @Option(name: .long, help: "The gradient's length is scaled down to this.") package var clipNorm: Double?
    @Option(name: .long, help: "Each element of the gradient is kept within plus and minus this.") package var clipValue: Double?
    @Option(name: .long, help: "Decay of the moving average of the weights, which is then what is written.") package var ema: Double?
    @Option(name: .long, help: "The share of rows held out, by a seeded hash of the row key.") package var validation = 0.2
    @Option(name: .long, help: "Epochs without improvement before training stops.") package var patience: Int?
    @Option(name: .long, help: "A smaller improvement does not count.") package var minimumImprovement = 0.0
    @Option(
        name: .long,
        help: ArgumentHelp(
            "What the new model must be better in than the old one, on the held-out rows, or how much worse it may be: accuracy, f1, auc, "
                + "log_loss, rmse, mae, r2 or loss. The best epoch is the best in it. Default: loss.", valueName: "metric[=drop]"))
    package var gate: GateArgument?
    @Option(name: .long, help: ArgumentHelp("Initializers that stay as they are.", valueName: "pattern")) package var freeze: [String] = []
    @Option(
        name: .long,
        help: ArgumentHelp("Initializers that are trained though they look like constants; see gradients --list.", valueName: "pattern"))
    package var train: [String] = []
    @Option(
        name: .long,
        help: ArgumentHelp(
            "Weights that do not stay equal to others although the model stores them as copies; see gradients --list.",
            valueName: "pattern"))
    package var untie: [String] = []
    @Option(
        name: .long,
        help: "frozen, affine (scale and bias are trained) or train (on each batch's own statistics, which move the running ones).")
    package var batchNormalization: GradientDescent.BatchNormalization = .frozen
    @Option(
        name: .long,
        help: "The numbers that products of a step may be computed in, where that is faster and the loss falls alike: float32 or bfloat16.")
    package var stepPrecision: GradientDescent.Precision = .float32
    @Option(name: .long, help: ArgumentHelp("Train low-rank factors of this rank instead of the weights.", valueName: "rank"))
    package var adapterRank: Int?
    @Option(name: .long, help: ArgumentHelp("The weights, or MatMul and Gemm nodes, that get adapters.", valueName: "pattern"))
    package var adapterTarget: [String] = []
    @Flag(name: .customLong("no-merge"), help: "Write the trained factors alone, as a .safetensors file, and leave the model as it is.")
    package var keepsAdapters = false
    @Option(name: .long, help: "Of the split, the order of rows, dropout and adapters.") package var seed = 0

    package init() {}

    package func validate() throws {
        guard (adapterRank == nil) == adapterTarget.isEmpty else {
            throw ValidationError("--adapter-rank and --adapter-target go together.")
        }
        guard !keepsAdapters || adapterRank != nil else {
            throw ValidationError("--no-merge is of adapters: give --adapter-rank and --adapter-target.")
        }
        guard adapterRank == nil || batchNormalization == .frozen else {
            throw ValidationError("Beside adapters nothing else is trained: leave out --batch-normalization.")
        }
        guard adapterRank == nil || untie.isEmpty else { throw ValidationError("Beside adapters no weight is trained: leave out --untie.") }
        guard !nesterov || optimizer == .sgd else { throw ValidationError("--nesterov is of sgd.") }
        guard momentum == 0 || optimizer == .sgd || optimizer == .rmsprop else {
            throw ValidationError("--momentum is of sgd and rmsprop.")
        }
        guard warmUp >= 0, every >= 1, seed >= 0 else {
            throw ValidationError("--warm-up and --seed are at least 0 and --every at least 1.")
        }
        guard minimumImprovement == 0 || patience != nil else { throw ValidationError("--minimum-improvement is of --patience.") }
        guard gate == nil || validation > 0 else {
            throw ValidationError("--gate measures on held-out rows: --validation must be above 0.")
        }
    }

    /// Returns the stage that the options describe.
    /// - Parameter severalLabels: whether several columns are to be learned.
    package func stage(severalLabels: Bool) -> OptimizeStage {
        let loss = loss?.taking(severalLabels: severalLabels) ?? .meanSquaredError
        var gradient = GradientDescent(loss: loss, optimizer: Optimizer(optimizer), learningRate: learningRate, weightDecay: weightDecay)
        gradient.outputs = prediction
        gradient.optimizer.momentum = momentum
        gradient.optimizer.nesterov = nesterov
        gradient.schedule.kind = schedule
        gradient.schedule.warmUp = warmUp
        gradient.schedule.every = every
        gradient.schedule.factor = factor
        gradient.epochs = epochs
        gradient.batchSize = batchSize
        gradient.accumulate = accumulate
        gradient.shares = shares
        gradient.clipNorm = clipNorm
        gradient.clipValue = clipValue
        gradient.average = ema
        gradient.validation = validation
        gradient.freeze = freeze
        gradient.train = train
        gradient.untie = untie
        gradient.batchNormalization = batchNormalization
        gradient.precision = stepPrecision
        gradient.noDecay = noDecay
        gradient.seed = seed
        gradient.earlyStopping = patience.map { .init(patience: $0, minimumImprovement: minimumImprovement) }
        gradient.adapters = adapterRank.map { .init(rank: $0, targets: adapterTarget, merge: !keepsAdapters) }
        return OptimizeStage(gradient: gradient, gate: gate?.gate ?? Gate(rowsAtLeast: 1))
    }

    /// Tells whether all options have their defaults.
    package var isPlain: Bool { isPlain(but: []) }

    /// Returns whether all options have their defaults, but for the outputs that the loss reads.
    package func isPlain(but prediction: [String]) -> Bool {
        guard loss == nil, gate == nil, var plain = try? Self.parse([]) else { return false }
        plain.prediction = prediction
        return stage(severalLabels: false) == plain.stage(severalLabels: false)
    }
}

/// Holds an argument `METRIC` or `METRIC=DROP`, such as `accuracy=0.005`: a pipeline's `gate: { metric: METRIC, drop_at_most: DROP }`.
package struct GateArgument: ExpressibleByArgument {
    package let gate: Gate

    package init?(argument: String) {
        let parts = argument.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
        guard let metric = Metric(rawValue: parts[0]) else { return nil }
        guard parts.count > 1 else {
            gate = Gate(metric: metric, rowsAtLeast: 1)
            return
        }
        guard let drop = Double(parts[1]), drop >= 0, drop.isFinite else { return nil }
        gate = Gate(metric: metric, dropAtMost: drop, rowsAtLeast: 1)
    }
}

extension Optimizer.Kind: ExpressibleByArgument {}
extension Schedule.Kind: ExpressibleByArgument {}
extension GradientDescent.BatchNormalization: ExpressibleByArgument {}

extension GradientDescent.Precision: ExpressibleByArgument {}
