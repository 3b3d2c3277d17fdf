import Autodiff
import Engine
import Machine
import ONNX
import Reasons
import Recipes
import Tensors
import TrainingGraph

/// Holds the graphs of a recipe, ready to run, with the values that pass from step to step. Only one thread may use it.
final class StepMachine {
    let graph: StepGraph
    private let step: StatefulSession
    /// Computes the sums with which the step begins; nil where batches are whole.
    private let shares: SharedBatches?
    private let evaluation: Session
    private let inputNames: [String]
    private let held: [String: Tensor]

    /// - Parameter engine: executes the steps. The model is evaluated on ONNX Runtime always.
    init(_ graph: StepGraph, inputNames: [String], threads: Int, engine: EngineChoice = .onnxRuntime) throws(TrainingError) {
        self.graph = graph
        self.inputNames = inputNames
        // What follows the sums of shares is the same on every engine.
        let session = try Self.session(graph.step, .training(threads: threads, on: graph.shares == nil ? engine : .onnxRuntime))
        evaluation = try Self.session(graph.evaluation, .training(threads: threads))
        do throws(AutodiffError) { held = try graph.heldValues() } catch { throw TrainingError(error) }
        shares = try graph.shares.map { shares throws(TrainingError) in
            SharedBatches(try ShareMachine(shares, threads: threads, engine: engine), count: graph.recipe.shares)
        }
        let known = Set(session.inputs.map(\.name))
        do throws(EngineError) {
            step = try StatefulSession(
                session,
                slots: graph.slots.map {
                    .init(
                        name: $0.name, input: $0.input, output: $0.output, elementType: $0.elementType, shape: $0.shape,
                        overwrites: $0.isOverwritable && session.engine == .onnxRuntime)
                }, constants: held.filter { known.contains($0.key) }, outputs: [graph.signature.loss, graph.signature.lossWeight])
        } catch { throw Self.refused(error) }
        // The values are taken one by one, so that the model's values are not all in memory a second time.
        for slot in graph.slots {
            let value: Tensor?
            do throws(AutodiffError) { value = try graph.initialValue(of: slot) } catch { throw TrainingError(error) }
            guard let value else { continue }
            do throws(EngineError) { try step.write([slot.name: value]) } catch { throw Self.refused(error) }
        }
    }

    static func session(_ model: Model, _ options: SessionOptions) throws(TrainingError) -> Session {
        do {
            return try Session(model: try model.serialized(), options: options)
        } catch let error as EngineError {
            throw refused(error)
        } catch { throw refused(error) }
    }

    private static func refused(_ error: any Error) -> TrainingError {
        .badModel(reason: "its training graph does not load: \(error)", remedy: "freeze what it names, or export the model another way")
    }

    /// Sets the values to those that were saved; they must be of this graph.
    func restore(_ saved: CheckpointStore.NamedTensors) throws(TrainingError) {
        let values = Dictionary(saved.map { ($0.name, $0.tensor) }, uniquingKeysWith: { first, _ in first })
        do throws(EngineError) {
            guard let missing = graph.slots.first(where: { values[$0.name] == nil }) else { return try step.write(values) }
            throw .missingInput(missing.name, expected: "\(missing.elementType.name)\(missing.shape)")
        } catch { throw .cannotRead(path: "the checkpoint", reason: "it is not of this run: \(error)") }
    }

    /// All values, in the slots' order. They are in the engine's own memory, so that they must be written to disk before the next step.
    var named: CheckpointStore.NamedTensors {
        zip(graph.slots, step.inputs).compactMap { slot, input in input.value.tensor.map { (slot.name, $0) } }
    }

    /// The values with which the model is evaluated and written, in the order of the parameters' names: the moving averages if there are
    /// any. They are in the engine's own memory and must be copied before the next step.
    var namedParameters: CheckpointStore.NamedTensors {
        var parameters: [String: Tensor] = [:]
        for (slot, value) in zip(graph.slots, step.inputs) {
            switch slot.kind {
            case .parameter, .statistic: if parameters[slot.name] == nil { parameters[slot.name] = value.value.tensor }
            case .average(let name): parameters[name] = value.value.tensor
            case .state: break
            }
        }
        return parameters.sorted { $0.key < $1.key }.map { ($0.key, $0.value) }
    }

    /// Goes back, once, to the parameters before the last batch; returns false where they are not there any more. An optimizer's state may
    /// be the new one.
    func stepBack() -> Bool { step.stepBack() }

    struct Answer {
        let loss: Double
        let lossWeight: Double
    }

    /// - Parameters:
    ///   - number: the number of this batch from the beginning, for random draws.
    ///   - apply: tells whether the batch ends a step.
    func run(
        _ batch: RowBatch, learningRate: Double, number: Int, apply: Bool, cancellation: Cancellation?
    ) throws(TrainingError) -> Answer {
        var feeds = shares == nil ? feeds(batch) : try totals(batch, number: number, cancellation)
        feeds.append((graph.signature.learningRate, Tensor(.float32, [], [Float(learningRate)])))
        if let name = graph.signature.apply { feeds.append((name, Tensor(.bool, [], [apply]))) }
        if let name = graph.signature.randomKey { feeds.append((name, graph.randomKey(step: number))) }
        let known = Set(step.session.inputs.map(\.name))
        do throws(EngineError) {
            // The graph has no input that the loss does not depend on.
            let results = try step.run(feeds.filter { known.contains($0.name) }, cancellation: cancellation)
            return Answer(loss: results[0].number(0), lossWeight: results[1].number(0))
        } catch .cancelled { throw .cancelled } catch { throw Self.failed(error) }
    }

    /// Has others help with the shares of batches.
    func use(_ help: ShareHelp, _ plan: SharePlan) {
        guard let shares, let graph = graph.shares else { return }
        shares.crew = ShareCrew(help, plan, graph, shares: shares.count)
    }

    /// The number of others who help now, and that of the shares that they have computed so far.
    var helpers: Int { shares?.crew?.count ?? 0 }
    var helpedShares: Int { shares?.helped ?? 0 }

    /// Ends the help of others.
    func dismissHelp() { shares?.crew?.dismiss() }

    /// Returns the sums over the shares of a batch.
    private func totals(
        _ batch: RowBatch, number: Int, _ cancellation: Cancellation?
    ) throws(TrainingError) -> [(name: String, tensor: Tensor)] {
        guard let shares else { return [] }
        var values = held
        var parameters: [Tensor] = []
        for (slot, input) in zip(graph.slots, step.inputs) {
            guard slot.kind == .parameter, let tensor = input.value.tensor else { continue }
            parameters.append(tensor)
            values[slot.input] = tensor
        }
        return try shares.totals(
            batch, number: number, parameters: parameters, values,
            feeds: { [graph, inputNames] share, part in graph.feeds(of: part, inputNames: inputNames, share: share, number: number) },
            cancellation)
    }

    static func failed(_ error: EngineError) -> TrainingError {
        .badModel(reason: "a training step failed: \(error)", remedy: "freeze what it names, or export the model another way")
    }

    struct Evaluation {
        let loss: Double
        let lossWeight: Double
        /// The value that the loss reads, if it is a single value.
        let scores: Tensor?
    }

    func evaluate(_ batch: RowBatch, cancellation: Cancellation?) throws(TrainingError) -> Evaluation {
        let scores = graph.signature.scores.count == 1 ? graph.signature.scores.map(\.name) : []
        let known = Set(evaluation.inputs.map(\.name))
        let fed = evaluationFeeds(batch).filter { known.contains($0.name) }.map { (name: $0.name, value: EngineValue.tensor($0.tensor)) }
        do throws(EngineError) {
            let results = try evaluation.run(
                fed, outputs: [graph.signature.loss, graph.signature.lossWeight] + scores, cancellation: cancellation
            )
            .compactMap(\.tensor)
            return Evaluation(loss: results[0].number(0), lossWeight: results[1].number(0), scores: results.count > 2 ? results[2] : nil)
        } catch .cancelled { throw .cancelled } catch { throw Self.failed(error) }
    }

    /// Returns the inputs of the evaluation graph. The parameters are in the engine's own memory, so that the inputs are valid until the
    /// next step.
    func evaluationFeeds(_ batch: RowBatch) -> [(name: String, tensor: Tensor)] {
        var feeds = feeds(batch) + held.map { ($0.key, $0.value) }
        let values = Dictionary(
            step.inputs.compactMap { input in input.value.tensor.map { (input.name, $0) } }, uniquingKeysWith: { first, _ in first })
        var averages: [String: Tensor] = [:]
        for slot in graph.slots { if case .average(let name) = slot.kind { averages[name] = values[slot.input] } }
        for slot in graph.parameters { if let value = averages[slot.name] ?? values[slot.input] { feeds.append((slot.input, value)) } }
        return feeds
    }

    private func feeds(_ batch: RowBatch) -> [(name: String, tensor: Tensor)] { graph.feeds(of: batch, inputNames: inputNames) }
}

extension StepGraph {
    /// Returns the inputs that a batch gives.
    func feeds(of batch: RowBatch, inputNames: [String]) -> [(name: String, tensor: Tensor)] {
        var feeds: [(name: String, tensor: Tensor)] = zip(inputNames, batch.inputs).map { ($0, $1) }
        if let wanted = signature.target, let target = batch.target { feeds.append((wanted.name, target)) }
        if let name = signature.sampleWeight { feeds.append((name, batch.weights)) }
        return feeds
    }

    /// Returns the inputs that a share of a batch gives: its rows, and its own key of dropout.
    func feeds(of rows: RowBatch, inputNames: [String], share: Int, number: Int) -> [(name: String, tensor: Tensor)] {
        var feeds = feeds(of: rows, inputNames: inputNames)
        // No two shares of a run have the same masks.
        if let name = signature.randomKey { feeds.append((name, randomKey(step: number * recipe.shares + share))) }
        return feeds
    }
}
