import Autodiff
import ONNX
import Passes
import Recipes
import Tensors

/// Describes the nodes of the optimizer, which are appended to a model with its gradients.
struct UpdateGraph {
    let slots: [StepGraph.Slot]
    /// The new inputs. The parameters are still initializers.
    let inputs: [Value]
    let learningRate: String
    let apply: String?

    /// - Parameters:
    ///   - gradients: maps each parameter to its gradient: of the mean of the loss's terms, or of their sum if gradients are accumulated.
    ///   - weight: the value that has the sum of the terms' weights, a scalar.
    ///   - descentRate: the input of the learning rate, if gradients are already multiplied with it and negated.
    static func append(
        to model: inout Model, _ recipe: GradientDescent, _ shared: SharedWeights, _ parameters: [String], _ gradients: [String: String],
        weight: String, descentRate: String?
    ) throws(AutodiffError) -> UpdateGraph {
        let types: InferredTypes
        do { types = try model.inferTypes() } catch { throw .invalid(place: "the step graph", reason: "\(error)") }
        var assembly = Assembly(recipe: recipe, graph: GradientGraph(extending: model.graph, types: types.types, prefix: "train/"))
        for name in parameters {
            guard let tensor = model.graph.initializer(name), let type = tensor.elementType, let gradient = gradients[name] else {
                throw .unknownValue(name)
            }
            let decays = !shared.names(of: name).contains { recipe.noDecay.matchesAny(of: $0) }
            assembly.parameters.append(
                Assembly.Parameter(
                    name: name, elementType: type, shape: tensor.shape, gradient: gradient, decays: decays, constraint: tensor.constraint))
        }
        let made = try assembly.run(weight: weight, descentRate: descentRate)
        assembly.graph.apply(to: &model.graph, results: Set(made.slots.map(\.output)))
        return made
    }
}

/// Builds one update. The slots have this order: parameters, their state, the number of the step, averages, accumulated sums.
private struct Assembly {
    struct Parameter {
        let name: String
        let elementType: ElementType
        let shape: Shape
        let gradient: String
        let decays: Bool
        let constraint: ParameterConstraint?
    }

    let recipe: GradientDescent
    let graph: GradientGraph
    var parameters: [Parameter] = []
    private var inputs: [Value] = []
    private var slots: [(name: String, kind: StepGraph.Slot.Kind, input: Symbol, elementType: ElementType, shape: Shape)] = []

    init(recipe: GradientDescent, graph: GradientGraph) {
        self.recipe = recipe
        self.graph = graph
    }

    mutating func run(weight: String, descentRate: String?) throws(AutodiffError) -> UpdateGraph {
        let rate = descentRate.map(graph.symbol) ?? input("learning_rate", .float32, [])
        let current = parameters.map { parameter in
            graph.declare(parameter.name, .tensor(parameter.elementType, parameter.shape))
            slots.append((parameter.name, .parameter, graph.symbol(parameter.name), parameter.elementType, parameter.shape))
            return graph.symbol(parameter.name)
        }
        let stateNames = recipe.optimizer.stateNames
        let state = parameters.map { parameter in
            stateNames.map { slot($0 + "/" + parameter.name, .state, parameter.elementType, parameter.shape) }
        }
        let number = recipe.optimizer.countsSteps ? slot("step", .state, .int64, []) : nil
        let averages =
            recipe.average == nil
            ? []
            : parameters.map {
                slot("average/" + $0.name, .average(of: $0.name), $0.elementType, $0.shape)
            }
        var gradients = parameters.map { parameter in
            let gradient = graph.symbol(parameter.gradient)
            graph.declare(gradient.name, .tensor(parameter.elementType, parameter.shape))
            return gradient
        }

        func step(_ gradients: [Symbol]) -> [Symbol] {
            let next = number.map { $0.apply("Add", [graph.constant(.int64, [], [1] as [Int64])], extents: []) }
            let scalars = StepScalars(rate: rate, number: next?.cast(to: .float64))
            let gradients = clipped(gradients)
            var newParameters = current, newState = state
            for (decay, positions) in groups {
                let parameter = joined(positions.map { current[$0] }), gradient = joined(positions.map { gradients[$0] })
                let made: (parameter: Symbol, state: [Symbol])
                if descentRate != nil {
                    let kept = decay == 0 ? parameter : parameter * (1 - rate.cast(to: parameter.elementType) * decay)
                    made = (kept + gradient, [])
                } else {
                    let state = stateNames.indices.map { index in joined(positions.map { state[$0][index] }) }
                    made = recipe.optimizer.next(parameter, gradient: gradient, state: state, decay: decay, scalars)
                }
                for (position, part) in zip(positions, parted(made.parameter, positions)) {
                    newParameters[position] = parameters[position].constraint.map { part.held(to: $0) } ?? part
                }
                for (index, value) in made.state.enumerated() {
                    for (position, part) in zip(positions, parted(value, positions)) { newState[position][index] = part }
                }
            }
            let newAverages = zip(averages, newParameters).map { $0 * (recipe.average ?? 0) + $1 * (1 - (recipe.average ?? 0)) }
            return newParameters + newState.flatMap(\.self) + (next.map { [$0] } ?? []) + newAverages
        }

        guard recipe.accumulate > 1 else { return finished(step(gradients), rate, nil) }

        let apply = input("apply", .bool, [])
        let accumulated = parameters.map { slot("accumulated/" + $0.name, .state, $0.elementType, $0.shape) }
        let weights = slot("accumulated_weight", .state, .float32, [])
        gradients = zip(accumulated, gradients).map { $0 + $1 }
        let sum = weights + graph.symbol(weight).cast(to: .float32)
        let unchanged = slots.map(\.input)
        let then = try graph.branch("step") { () throws(AutodiffError) in
            let divisor = sum.apply("Max", [graph.scalar(1e-30, .float32)], extents: [])
            let means = gradients.map { $0 / divisor.cast(to: $0.elementType) }
            return step(means) + accumulated.map(\.zeros) + [weights.zeros]
        }
        let otherwise = try graph.branch("wait") { () throws(AutodiffError) in
            unchanged.dropLast(accumulated.count + 1) + gradients + [sum]
        }
        let types = slots.map { ValueType?.some(.tensor($0.elementType, $0.shape)) }
        let next = graph.emit(
            "If", [apply], outputs: slots.count, [Attribute("then_branch", .graph(then)), Attribute("else_branch", .graph(otherwise))],
            types: types)
        return finished(next, rate, apply.name)
    }

    /// The positions of parameters that are updated together. Small lists of equal decay are joined, because for them the number of nodes
    /// decides the time. Only some neighbours are joined, since their gradients stay in memory until the last of them is there.
    private var groups: [(decay: Double, positions: [Int])] {
        var joined: [Double: [Int]] = [:]
        var groups: [(decay: Double, positions: [Int])] = []
        for (position, parameter) in parameters.enumerated() {
            let decay = parameter.decays ? recipe.weightDecay : 0
            let isSmall =
                parameter.shape.rank == 1 && parameter.elementType == .float32 && parameter.shape.elementCount ?? .max <= Self.largestJoined
            guard isSmall, recipe.optimizer.worksByElement else {
                groups.append((decay, [position]))
                continue
            }
            joined[decay, default: []].append(position)
            if joined[decay]?.count == Self.mostJoined { groups.append((decay, joined.removeValue(forKey: decay) ?? [])) }
        }
        return groups + joined.sorted { $0.key < $1.key }.map { ($0.key, $0.value) }
    }

    private static let largestJoined = 1 << 14
    private static let mostJoined = 8

    private func joined(_ values: [Symbol]) -> Symbol { values[0].concatenated(Array(values.dropFirst())) }

    private func parted(_ value: Symbol, _ positions: [Int]) -> [Symbol] {
        if positions.count == 1 { return [value] }
        let types = positions.map { ValueType?.some(.tensor(parameters[$0].elementType, parameters[$0].shape)) }
        let extents = positions.map { parameters[$0].shape.dimensions[0] }
        return graph.emit("Split", [value, graph.integers(extents)], outputs: positions.count, types: types)
    }

    private func clipped(_ gradients: [Symbol]) -> [Symbol] {
        var gradients = gradients
        if let bound = recipe.clipValue {
            gradients = gradients.map { gradient in
                gradient.apply(
                    "Clip", [graph.scalar(-bound, gradient.elementType), graph.scalar(bound, gradient.elementType)],
                    extents: gradient.extents)
            }
        }
        guard let bound = recipe.clipNorm else { return gradients }
        let squares = gradients.map { Optimizer.squaredLength($0).cast(to: .float32) }
        let length = (squares.count == 1 ? squares[0] : squares[0].apply("Sum", Array(squares.dropFirst()), extents: [])).sqrt
        let factor = (bound / (length + 1e-6)).apply("Min", [graph.scalar(1, .float32)], extents: [])
        return gradients.map { $0 * factor.cast(to: $0.elementType) }
    }

    private mutating func input(_ stem: String, _ type: ElementType, _ shape: Shape) -> Symbol {
        let name = graph.freshName(stem)
        inputs.append(Value(name, .tensor(type, shape)))
        graph.declare(name, .tensor(type, shape))
        return graph.symbol(name)
    }

    private mutating func slot(_ name: String, _ kind: StepGraph.Slot.Kind, _ type: ElementType, _ shape: Shape) -> Symbol {
        let made = input(name, type, shape)
        slots.append((name, kind, made, type, shape))
        return made
    }

    private func finished(_ next: [Symbol], _ rate: Symbol, _ apply: String?) -> UpdateGraph {
        // Outputs are told apart by name, so that a value that is two outputs gets a second name.
        var taken = Set(slots.map(\.input.name))
        let made = zip(slots, next).map { slot, next in
            let output = taken.insert(next.name).inserted ? next : graph.named("next", next)
            return StepGraph.Slot(
                name: slot.name, kind: slot.kind, input: slot.input.name, output: output.name, elementType: slot.elementType,
                shape: slot.shape)
        }
        return UpdateGraph(slots: made, inputs: inputs, learningRate: rate.name, apply: apply)
    }
}
