package import Autodiff
package import ONNX
import Passes
package import Recipes
import Tensors

extension StepGraph {
    /// The number of bytes above which the untrained weights together are no constants any more: those that are not small become inputs.
    static let largestConstants = 256 << 20
    static let smallestHeld = 64 << 10

    /// Builds both graphs.
    /// - Parameters:
    ///   - model: the model in its original form; it is brought into training form here.
    ///   - adapter: factors of the model that are trained further. They must be such as the recipe asks for (`LowRankAdapter.divided`).
    /// - Throws: `noRule` if an operator on the way has no gradient, `nothingTrainable`, and `invalid` for a loss that does not fit the
    ///   model's outputs or for an invalid value in the recipe.
    package init(
        _ model: Model, _ recipe: GradientDescent, adapter: LowRankAdapter? = nil, largestConstants: Int = largestConstants
    ) throws(AutodiffError) {
        try recipe.check()
        var source = try model.inTrainingForm()
        let refused = ParameterHomes(model).refused
        let shared = try recipe.sharedWeights(of: source)
        shared.tie(&source)
        try BatchStatistics.check(recipe, source)
        var adapted: [AdaptedWeight] = []
        if let adapters = recipe.adapters {
            adapted = try AdaptedWeight.attach(adapters, startingFrom: adapter, seed: UInt64(recipe.seed), to: &source)
        } else if let left = adapter?.factors.first {
            throw .invalid(
                place: "adapters", reason: "there is an adapter of '\(left.weight)', and the recipe asks for none: merge it first")
        }

        var evaluation = source
        let loss = try LossGraph.append(to: &evaluation, recipe.loss, outputs: recipe.outputs)
        var needed: [String] = [loss.sum, loss.weight, loss.mean, loss.reportedMean, loss.reportedWeight]
        needed += loss.scores.map(\.name)
        evaluation.keepOnly(outputs: needed.map { Value($0, nil) })
        var trainables = try Trainables(
            evaluation, own: source.graph.initializers, refused: refused, recipe: recipe, adapted: adapted, shared: shared)

        var step = evaluation
        let randomKey = try DropoutMasks.activate(in: &step)
        DropoutMasks.deactivate(in: &evaluation)
        let start = StepParts.Start(
            model: step, recipe: recipe, loss: loss, shared: shared, source: source,
            held: { [evaluation] in
                Self.frozenWeights(among: source.graph.initializers, in: evaluation, except: $0, largestConstants)
            })
        let parts = recipe.shares > 1 ? try StepParts.shared(start, &trainables) : try StepParts.whole(start, &trainables)
        let statistics = parts.statistics
        let held = start.held(trainables.names + statistics)
        evaluation.keepOnly(
            outputs: [Value(loss.reportedMean, .tensor(.float32, [])), Value(loss.reportedWeight, .tensor(.float32, []))]
                + loss.scores.map { Value($0.name, .tensor($0.elementType, $0.dimensions)) })
        evaluation.lift(trainables.names + statistics + held)

        self.step = try parts.step.withoutExternalData()
        self.evaluation = try evaluation.withoutExternalData()
        signature = Signature(
            target: loss.target, scores: loss.scores, sampleWeight: loss.sampleWeight, learningRate: parts.learningRate,
            apply: parts.apply, randomKey: randomKey, loss: loss.reportedMean, lossWeight: loss.reportedWeight)
        slots = parts.slots
        shares = parts.shares
        frozenWeights = held
        classes = loss.classes
        untrained = trainables.untrained.filter { !statistics.contains($0.name) }
        gradientForms = parts.forms
        self.recipe = recipe
        self.source = source
        self.adapted = adapted
        self.shared = shared
    }

    private static func frozenWeights(
        among own: [StoredTensor], in model: Model, except trained: [String], _ largest: Int
    ) -> [String] {
        let needed = Set(model.graph.initializers.map(\.name)).subtracting(trained)
        let untrained = own.filter { needed.contains($0.name) }
        guard untrained.reduce(0, { $0 + ($1.byteCount ?? 0) }) > largest else { return [] }
        return untrained.filter { ($0.byteCount ?? 0) >= min(smallestHeld, largest) && $0.elementType?.isFloatingPoint ?? false }.map(
            \.name)
    }
}

extension GradientDescent {
    /// Tells whether a parameter changes only by its gradient times the rate. The negated rate is then the cotangent of the loss, so that
    /// gradients are what is added to the parameters, which saves a pass over all of them.
    var descendsPlainly: Bool {
        guard case .sgd(momentum: 0, _) = optimizer else { return false }
        return accumulate == 1 && shares == 1 && clipNorm == nil && clipValue == nil
    }

    /// Returns the weights of a model in training form that stay copies of each other. With adapters no weight is trained, so none is
    /// shared.
    func sharedWeights(of model: Model) throws(AutodiffError) -> SharedWeights {
        guard adapters == nil else { return SharedWeights() }
        let all: SharedWeights, left: SharedWeights
        do throws(ONNXError) {
            left = try SharedWeights(model, untie: untie)
            all = untie.isEmpty ? left : try SharedWeights(model)
        } catch { throw .invalid(place: "the model", reason: "\(error)") }
        let names = all.others.keys.sorted()
        guard let idle = untie.first(where: { pattern in !names.contains { NamePattern(pattern).matches($0) } }) else { return left }
        let known = names.isEmpty ? "no weight is stored more than once" : "shared are \(names.prefix(12).joined(separator: ", "))"
        throw .invalid(place: "untie", reason: "no shared weight has a name like \"\(idle)\"; \(known)")
    }

    /// Throws `invalid` for a key with an invalid value. A pipeline is also checked when it is read.
    func check() throws(AutodiffError) {
        if let fault { throw .invalid(place: fault.key, reason: "\(fault.reason): \(fault.remedy)") }
    }
}
