import Autodiff
import ONNX
import Passes
import Recipes
import Tensors

/// Holds the graph of a step under construction, and what is known of it: built whole, or for batches that are cut into shares.
struct StepParts {
    /// The step, or for shares the part of it that follows the sums of all of them.
    var step: Model
    var shares: ShareGraph?
    var slots: [StepGraph.Slot]
    let learningRate: String
    let apply: String?
    let forms: [String: String]

    /// The names of the running statistics.
    var statistics: [String] { slots.filter { $0.kind == .statistic }.map(\.name) }

    /// Holds what both ways of building begin with.
    struct Start {
        /// The model with its loss, in which dropout is active.
        let model: Model
        let recipe: GradientDescent
        let loss: LossGraph
        let shared: SharedWeights
        /// The model in training form.
        let source: Model
        /// Returns the untrained weights that become inputs, beside those of these names, which do.
        let held: ([String]) -> [String]
    }

    // MARK: A whole batch

    static func whole(_ start: Start, _ trainables: inout Trainables) throws(AutodiffError) -> StepParts {
        let (recipe, loss) = (start.recipe, start.loss)
        var step = start.model
        let running = recipe.batchNormalization == .train ? try BatchStatistics.activate(in: &step, frozen: recipe.freeze) : []
        // Nodes of which no output is needed would be removed.
        step.graph.outputs += running.map { Value($0.next, nil) }
        try run(StepForm.passes, on: &step)
        let rate = recipe.descendsPlainly ? try step.addDescentRate(loss.mean) : nil
        let gradients =
            if let rate {
                try ReverseMode.append(to: &step, seeds: [loss.mean: rate.negated], for: trainables.names)
            } else {
                try ReverseMode.append(to: &step, loss: recipe.accumulate > 1 ? loss.sum : loss.mean, for: trainables.names)
            }
        try trainables.keep { gradients[$0] != nil }
        let update = try UpdateGraph.append(
            to: &step, recipe, start.shared, trainables.names, gradients.names, weight: loss.weight, descentRate: rate?.name)
        let statistics = running.compactMap { running in
            start.source.graph.initializer(running.name).map { StepGraph.Slot(statistic: $0, next: running.next) }
        }
        var parts = StepParts(
            step: step, slots: update.slots + statistics, learningRate: update.learningRate, apply: update.apply,
            forms: forms(gradients, step))
        let changed = trainables.names + running.map(\.name)
        parts.finish(loss, lifting: changed + start.held(changed), update)
        return parts
    }

    // MARK: Shares

    /// Builds the graph of a share, and that of the step, which takes the sums over all shares.
    static func shared(_ start: Start, _ trainables: inout Trainables) throws(AutodiffError) -> StepParts {
        let (recipe, loss) = (start.recipe, start.loss)
        guard loss.sampleWeight != nil else {
            throw .invalid(
                place: "shares",
                reason:
                    "the model's loss is one number for a whole batch, which shares of it do not add up to; leave out shares, or export "
                    + "the model with a loss of each row")
        }
        var share = start.model
        let normalized = recipe.batchNormalization == .train ? try ExchangedStatistics.activate(in: &share, frozen: recipe.freeze) : []
        let exchanges = normalized.flatMap { normalized in normalized.exchanges.map { ($0, normalized.elementType) } }
        share.graph.outputs += exchanges.map { Value($0.0.part, nil) }
        try run(StepForm.passes, on: &share)
        let lossType = try share.type(of: loss.sum)
        var builder = GraphBuilder(extending: share.graph, prefix: "train/")
        let one = builder.scalar(1, lossType)
        share.graph.initializers += builder.initializers
        var seeds = [loss.sum: one]
        for (exchange, _) in exchanges { seeds[exchange.part] = exchange.cotangent }
        let gradients = try ReverseMode.append(to: &share, seeds: seeds, for: trainables.names + exchanges.map(\.0.total))
        try trainables.keep { gradients[$0] != nil }

        var names = share.graph.index
        func sum(_ value: String, to total: String?, _ type: ElementType, _ shape: Shape) -> ShareGraph.Sum {
            let part = names.freshName("train/part")
            share.graph.nodes.append(Node("Identity", [value], [part]))
            return .init(part: part, total: total ?? names.freshName("train/total"), elementType: type, shape: shape)
        }
        var byParameter: [ShareGraph.Sum] = []
        for name in trainables.names {
            guard let tensor = share.graph.initializer(name), let gradient = gradients[name] else { throw .unknownValue(name) }
            byParameter.append(sum(gradient, to: nil, tensor.elementType ?? .float32, tensor.shape))
        }
        let ofLoss = sum(loss.sum, to: nil, lossType, []), ofWeight = sum(loss.weight, to: nil, try share.type(of: loss.weight), [])
        let forward = exchanges.map { sum($0.part, to: $0.total, $1, [$0.extent]) }
        let backward = exchanges.compactMap { exchange, type in
            gradients[exchange.total].map { sum($0, to: exchange.cotangent, type, [exchange.extent]) }
        }
        let lifted = trainables.names + start.held(trainables.names + normalized.flatMap { [$0.mean.name, $0.variance.name] })
        share.graph.outputs = (byParameter + [ofLoss, ofWeight] + forward + backward).map {
            Value($0.part, .tensor($0.elementType, $0.shape))
        }
        let forms = forms(gradients, share)
        share.lift(lifted)
        let graph = try ShareGraph(cutting: share, wanted: [ofLoss, ofWeight] + byParameter + forward, inner: backward)
        var parts = try update(start, trainables.names, byParameter, loss: ofLoss, weight: ofWeight, normalized, forward, forms)
        parts.shares = graph
        return parts
    }

    /// Builds what follows the sums: their means, the optimizer, and the running statistics.
    private static func update(
        _ start: Start, _ names: [String], _ byParameter: [ShareGraph.Sum], loss: ShareGraph.Sum, weight: ShareGraph.Sum,
        _ normalized: [ExchangedStatistics], _ forward: [ShareGraph.Sum], _ forms: [String: String]
    ) throws(AutodiffError) -> StepParts {
        var step = start.source
        step.graph = Graph(
            name: "step", inputs: ([loss, weight] + byParameter + forward).map { Value($0.total, .tensor($0.elementType, $0.shape)) },
            initializers: names.compactMap { start.source.graph.initializer($0) } + normalized.flatMap { [$0.mean, $0.variance] })
        let types: InferredTypes
        do { types = try step.inferTypes() } catch { throw .invalid(place: "the step graph", reason: "\(error)") }
        let graph = GradientGraph(extending: step.graph, types: types.types, prefix: "train/")
        let whole = graph.symbol(weight.total)
        let divisor = whole.apply("Max", [graph.scalar(1e-30, weight.elementType)], extents: [])
        let mean = (graph.symbol(loss.total) / divisor.cast(to: loss.elementType)).cast(to: .float32)
        // Accumulated gradients are divided by the weights of all batches of a step.
        let gradients = byParameter.map { sum in
            let total = graph.symbol(sum.total)
            return start.recipe.accumulate > 1 ? total : total / divisor.cast(to: sum.elementType)
        }
        let next = normalized.map { $0.next(graph) }
        let reported = [mean, whole.cast(to: .float32)]
        graph.apply(to: &step.graph, results: Set((reported + gradients + next.flatMap { [$0.mean, $0.variance] }).map(\.name)))
        for (value, name) in zip(reported, [start.loss.reportedMean, start.loss.reportedWeight]) {
            step.graph.nodes.append(Node("Identity", [value.name], [name]))
        }
        let update = try UpdateGraph.append(
            to: &step, start.recipe, start.shared, names, Dictionary(uniqueKeysWithValues: zip(names, gradients.map(\.name))),
            weight: weight.total, descentRate: nil)
        let statistics = zip(normalized, next).flatMap { normalized, next in
            [
                StepGraph.Slot(statistic: normalized.mean, next: next.mean.name),
                StepGraph.Slot(statistic: normalized.variance, next: next.variance.name),
            ]
        }
        var parts = StepParts(
            step: step, slots: update.slots + statistics, learningRate: update.learningRate, apply: update.apply, forms: forms)
        parts.finish(start.loss, lifting: names + statistics.map(\.name), update)
        return parts
    }

    // MARK: Both

    private static func run(_ passes: PassList, on model: inout Model) throws(AutodiffError) {
        do { try passes.run(&model) } catch { throw .invalid(place: error.place, reason: "\(error)") }
    }

    private static func forms(_ gradients: Gradients, _ model: Model) -> [String: String] {
        gradients.formsByNode.merging(StepForm.forms(in: model.graph)) { $1 + ", " + $0 }
    }

    /// Gives the graph its inputs and outputs.
    private mutating func finish(_ loss: LossGraph, lifting names: [String], _ update: UpdateGraph) {
        step.keepOnly(
            outputs: [Value(loss.reportedMean, .tensor(.float32, [])), Value(loss.reportedWeight, .tensor(.float32, []))]
                + slots.map { Value($0.output, .tensor($0.elementType, $0.shape)) })
        step.lift(names)
        step.graph.inputs += update.inputs
        _ = DepthFirstOrder().run(&step)
        let overwriting = Overwriting(step.graph)
        for position in slots.indices where slots[position].kind == .state {
            slots[position].isOverwritable = overwriting.allows(slots[position].input, slots[position].output)
        }
    }
}

extension StepGraph.Slot {
    fileprivate init(statistic: StoredTensor, next: String) {
        self.init(
            name: statistic.name, kind: .statistic, input: statistic.name, output: next, elementType: statistic.elementType ?? .float32,
            shape: statistic.shape)
    }
}

extension Model {
    /// Returns the type of the elements of a value.
    fileprivate func type(of value: String) throws(AutodiffError) -> ElementType {
        do { return try inferTypes()[value]?.elementType ?? .float32 } catch { throw .invalid(place: "the model", reason: "\(error)") }
    }

    /// Adds the learning rate as an input, and its negative, which becomes the cotangent of the loss; nil unless the loss is a float32
    /// scalar.
    fileprivate mutating func addDescentRate(_ loss: String) throws(AutodiffError) -> (name: String, negated: String)? {
        do { guard try inferTypes()[loss] == .tensor(.float32, [] as Shape) else { return nil } } catch {
            throw .invalid(place: "the model", reason: "\(error)")
        }
        var names = graph.index
        let rate = names.freshName("train/learning_rate"), negated = names.freshName("train/descent")
        graph.inputs.append(Value(rate, .tensor(.float32, [])))
        graph.nodes.append(Node("Neg", [rate], [negated]))
        return (rate, negated)
    }
}
