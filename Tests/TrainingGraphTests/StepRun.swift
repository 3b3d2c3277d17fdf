import ConformanceSupport
import Engine
import ONNX
import Recipes
import Tensors
import TrainingGraph

/// A step graph in the engine, as the training loop runs it.
struct StepRun {
    let graph: StepGraph
    let session: StatefulSession
    let evaluation: Session
    private let phases: [Session]

    init(_ model: Model, _ recipe: GradientDescent, adapter: LowRankAdapter? = nil, largestConstants: Int? = nil) throws {
        if let largestConstants {
            graph = try StepGraph(model, recipe, adapter: adapter, largestConstants: largestConstants)
        } else {
            graph = try StepGraph(model, recipe, adapter: adapter)
        }
        let slots = graph.slots.map {
            StatefulSession.Slot(
                name: $0.name, input: $0.input, output: $0.output, elementType: $0.elementType, shape: $0.shape,
                overwrites: $0.isOverwritable)
        }
        session = try StatefulSession(
            Session(model: graph.step.serialized(), options: .training(threads: 1)), slots: slots, constants: graph.heldValues(),
            outputs: [graph.signature.loss, graph.signature.lossWeight])
        for slot in graph.slots { if let value = try graph.initialValue(of: slot) { try session.write([slot.name: value]) } }
        evaluation = try Session(model: graph.evaluation.serialized())
        phases = try graph.shares?.phases.map { try Session(model: $0.model.serialized(), options: .training(threads: 1)) } ?? []
    }

    /// The loss of the batch before the step.
    func step(
        _ batch: [String: Tensor], target: Tensor?, weights: [Float]? = nil, rate: Double, number: Int = 0, apply: Bool = true
    ) throws -> Double {
        var given = try graph.shares.map { try totals($0, batch, target, weights) } ?? inputs(batch, target, weights)
        given.append((graph.signature.learningRate, Tensor(.float32, [], [Float(rate)])))
        if let name = graph.signature.apply { given.append((name, Tensor(.bool, [], [apply ? 1 : 0] as [UInt8]))) }
        if graph.shares == nil, let name = graph.signature.randomKey { given.append((name, graph.randomKey(step: number))) }
        return try session.run(given)[0].numbers[0]
    }

    /// The loss and the scores of a batch under the present parameters, or their averages.
    func evaluate(
        _ batch: [String: Tensor], target: Tensor?, weights: [Float]? = nil, averaged: Bool = false
    ) throws -> (loss: Double, scores: [Tensor]) {
        var given: [(name: String, value: EngineValue)] = try inputs(batch, target, weights).map { ($0.name, .tensor($0.tensor)) }
        for slot in graph.parameters {
            let name = averaged ? "average/" + slot.name : slot.name
            given.append((slot.input, .tensor(try session.value(name))))
        }
        for (name, tensor) in try graph.heldValues() { given.append((name, .tensor(tensor))) }
        let outputs = try evaluation.run(given)
        return (outputs[0].tensor?.numbers.first ?? .nan, outputs.dropFirst(2).compactMap(\.tensor))
    }

    /// The sums over all shares of a batch, each of which is a batch of its own to the graphs of a share.
    private func totals(
        _ shares: ShareGraph, _ batch: [String: Tensor], _ target: Tensor?, _ weights: [Float]?
    ) throws -> [(name: String, tensor: Tensor)] {
        let rows = batch.values.first?.shape.dimensions.first ?? 0, count = graph.recipe.shares
        let whole = try inputs(batch, target, weights) + session.inputs.compactMap { input in input.value.tensor.map { (input.name, $0) } }
        var kept = (0..<count).map { share in
            let range = rows * share / count..<rows * (share + 1) / count
            return Dictionary(
                uniqueKeysWithValues: whole.map { name, tensor in
                    (name, session.slots.contains { $0.input == name } ? tensor : tensor.rows(range))
                })
        }
        for name in try graph.heldValues() { for share in kept.indices { kept[share][name.key] = name.value } }
        var totals: [String: Tensor] = [:]
        for (phase, session) in zip(shares.phases, phases) {
            var sums: [[Double]] = []
            for share in kept.indices where rows * share / count < rows * (share + 1) / count {
                let given = session.inputs.map { ($0.name, EngineValue.tensor(kept[share][$0.name] ?? totals[$0.name]!)) }
                let made = try session.run(given, outputs: phase.sums.map(\.part) + phase.kept).compactMap(\.tensor)
                for (name, tensor) in zip(phase.kept, made.dropFirst(phase.sums.count)) { kept[share][name] = tensor }
                let parts = made.prefix(phase.sums.count).map(\.numbers)
                sums = sums.isEmpty ? parts : zip(sums, parts).map { zip($0, $1).map(+) }
            }
            for (sum, numbers) in zip(phase.sums, sums) {
                totals[sum.total] =
                    sum.elementType == .float64
                    ? Tensor(.float64, sum.shape, numbers) : Tensor(.float32, sum.shape, numbers.map { Float($0) })
            }
        }
        let known = Set(self.session.session.inputs.map(\.name))
        return totals.filter { known.contains($0.key) }.map { ($0.key, $0.value) }
    }

    private func inputs(_ batch: [String: Tensor], _ target: Tensor?, _ weights: [Float]?) throws -> [(name: String, tensor: Tensor)] {
        var given = batch.map { (name: $0.key, tensor: $0.value) }
        let rows = batch.values.first?.shape.dimensions.first ?? 0
        if let wanted = graph.signature.target, let target { given.append((wanted.name, target)) }
        if let name = graph.signature.sampleWeight {
            given.append((name, Tensor(.float32, [rows], weights ?? [Float](repeating: 1, count: rows))))
        }
        return given
    }
}

extension Tensor {
    /// A range of the first axis.
    func rows(_ range: Range<Int>) -> Tensor {
        let size = bytes.count / shape.dimensions[0]
        return Tensor(
            elementType: elementType, shape: Shape([range.count] + shape.dimensions.dropFirst()),
            bytes: UnsafeRawBufferPointer(rebasing: bytes[range.lowerBound * size..<range.upperBound * size]))!
    }
}
