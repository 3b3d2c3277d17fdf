import Autodiff
import Columnar
import Engine
import FileSystem
import Foundation
import Machine
import ONNX
import Reasons
import Recipes
import Tensors
import TrainingGraph

/// Executes one run of `FineTuning`, from packing the rows to the new model. Everything that a step depends on is in the checkpoint or
/// follows from the run's own inputs, so that the result is the same however often the process was killed in between.
struct TrainingRun {
    private var run: FineTuning
    private let control: TrainingControl
    /// Tells whether a part of the model's adapter was merged into it.
    private var isMerged = false

    init(_ run: FineTuning, _ control: TrainingControl) {
        self.run = run
        self.control = control
    }

    mutating func outcome() throws(TrainingError) -> FineTuning.Outcome {
        guard run.threads >= 1, run.checkpointSteps >= 1 else {
            throw .badModel(reason: "threads and checkpoint steps must be at least 1", remedy: "mend the training's settings")
        }
        control.progress(TrainingProgress(.building))
        let (graph, inputs) = try prepare()
        try run.model.check(run.data.inputs)
        let identity = try RunIdentity.digest(run)
        let rows = try packedRows(graph, inputs, identity)
        try checkHeldOut(rows)
        return try outcome(try trained(graph, inputs, rows, identity), graph, rows)
    }

    /// Returns the graphs of a run and the inputs of its model, as the run itself makes them.
    static func prepared(_ run: FineTuning) throws(TrainingError) -> (graph: StepGraph, inputs: [ModelInput]) {
        var run = TrainingRun(run, TrainingControl())
        return try run.prepare()
    }

    private mutating func prepare() throws(TrainingError) -> (graph: StepGraph, inputs: [ModelInput]) {
        let graph: StepGraph
        do throws(AutodiffError) {
            try takeUpAdapter()
            graph = try StepGraph(run.model, run.recipe, adapter: run.adapter)
        } catch { throw TrainingError(error) }
        return (graph, try run.model.rowInputs())
    }

    /// Holds the result of training, after the engine's sessions are released.
    private struct Trained {
        let checkpoint: Checkpoint
        let store: CheckpointStore
        let stoppedEarly: Bool
        let resumedAt: Int
        let engine: StepEngine?
        let helpedShares: Int
    }

    private func trained(
        _ graph: StepGraph, _ inputs: [ModelInput], _ rows: RowStore, _ identity: String
    ) throws(TrainingError) -> Trained {
        let size = try batchSize(inputs)
        let names = inputs.map(\.name)
        func machine(_ engine: EngineChoice) throws(TrainingError) -> StepMachine {
            try StepMachine(graph, inputNames: names, threads: run.threads, engine: engine)
        }
        let engine = try stepEngine(machine, rows, size)
        var loop = TrainingLoop(
            run: run, control: control, rows: rows,
            machine: try machine(engine?.engine ?? .onnxRuntime),
            evaluator: try Evaluator(run, scores: graph.signature.scores, batchSize: size.rows, isFixed: size.isFixed),
            batchSize: size.rows, isFixed: size.isFixed,
            store: CheckpointStore(run.folder, fingerprint: identity, machine: Self.machine(of: engine, run)))
        FaultPoint.reach(.trainingPacked)
        let resumedAt = try loop.begin()
        if let help = control.help {
            loop.machine.use(
                help,
                SharePlan(fingerprint: identity, machine: run.machine, engine: engine?.engine ?? .onnxRuntime, threads: run.threads))
        }
        defer { loop.machine.dismissHelp() }
        try loop.train()
        return Trained(
            checkpoint: loop.checkpoint, store: loop.store, stoppedEarly: loop.stoppedEarly, resumedAt: resumedAt, engine: engine,
            helpedShares: loop.machine.helpedShares)
    }

    /// Decides on which engine the steps are computed, where the recipe leaves that open.
    private func stepEngine(
        _ machine: (EngineChoice) throws(TrainingError) -> StepMachine, _ rows: RowStore, _ size: (rows: Int, isFixed: Bool)
    ) throws(TrainingError) -> StepEngine? {
        let order = BatchOrder(
            rowCount: rows.training.rowCount, batchSize: size.rows, isFixed: size.isFixed, seed: UInt64(run.recipe.seed), epoch: 1)
        return try StepEngine.decide(run, machine: machine) { number throws(TrainingError) in
            // Whole batches alone, again and again: the last one of an epoch may be smaller.
            let whole = max(order.count - 1, 1)
            let (numbers, counting) = order[number % whole]
            var batch = try rows.training.batch(numbers)
            batch.count(only: counting)
            return batch
        } check: { () throws(TrainingError) in
            if control.isCancelled() { throw .cancelled }
        }
    }

    private static func machine(of engine: StepEngine?, _ run: FineTuning) -> AttemptMachine {
        guard let engine, engine.engine != .onnxRuntime else { return run.machine }
        return engine.engine.name.machine
    }

    /// Merges into the model the part of its adapter that is not trained further.
    private mutating func takeUpAdapter() throws(AutodiffError) {
        guard let adapter = run.adapter else { return }
        let parts = try adapter.divided(by: run.mergesAdapters ? nil : run.recipe.adapters, in: run.model)
        run.adapter = parts.continued.factors.isEmpty ? nil : parts.continued
        guard !parts.rest.factors.isEmpty else { return }
        run.model = try parts.rest.merged(into: run.model)
        isMerged = true
    }

    private func outcome(_ trained: Trained, _ graph: StepGraph, _ rows: RowStore) throws(TrainingError) -> FineTuning.Outcome {
        let best = try trained.store.best(of: trained.checkpoint).map {
            Dictionary($0.map { ($0.name, $0.tensor) }, uniquingKeysWith: { first, _ in first })
        }
        var tuned = run.model
        var adapter: LowRankAdapter?
        do throws(AutodiffError) {
            if !run.mergesAdapters, run.recipe.adapters != nil {
                let parameters: [String: Tensor]
                if let best { parameters = best } else { parameters = try graph.initialParameters() }
                adapter = try graph.adapter(with: parameters)
            } else if let best {
                tuned = try graph.model(run.model, with: best)
            }
        } catch { throw TrainingError(error) }
        let point = trained.checkpoint
        func metrics(_ epoch: Int) -> [Metric: Double] {
            let record = point.history.first { $0.epoch == epoch }
            return Dictionary(
                uniqueKeysWithValues: (record?.validation ?? [:]).compactMap { name, value in Metric(rawValue: name).map { ($0, value) } })
        }
        return FineTuning.Outcome(
            model: tuned, adapter: adapter, isModelAsGiven: !isMerged && (adapter != nil || best == nil), history: point.history,
            bestEpoch: point.bestEpoch, stoppedEarly: trained.stoppedEarly, before: metrics(0), after: metrics(point.bestEpoch),
            trainingRows: rows.training.rowCount, validationRows: rows.validation.rowCount, supersededRows: rows.facts.supersededRows,
            unlabelledRows: rows.facts.unlabelledRows, steps: point.steps,
            columns: rows.facts.columns, trained: graph.trainedNames,
            untrained: Dictionary(graph.untrained.map { ($0.name, $0.reason) }, uniquingKeysWith: { first, _ in first }),
            gradientForms: graph.gradientForms, resumedAt: trained.resumedAt,
            helpedShares: run.recipe.shares > 1 ? trained.helpedShares : nil, engine: trained.engine)
    }

    private func packedRows(_ graph: StepGraph, _ inputs: [ModelInput], _ identity: String) throws(TrainingError) -> RowStore {
        var data = run.data
        if data.schema.classes == nil { data.schema.classes = graph.classes?.map(\.text) }
        return try RowStore.open(
            data, inputs: inputs.map(\.withOpenBatch),
            target: try Target(graph.signature.target, classCount: graph.signature.scores.first?.classCount, loss: run.recipe.loss),
            split: ValidationSplit(share: run.recipe.validation, seed: UInt64(run.recipe.seed)), folder: run.folder,
            fingerprint: identity,
            check: { () throws(TrainingError) in if control.isCancelled() { throw .cancelled } },
            progress: { count in
                var progress = TrainingProgress(.packing)
                progress.rows = count
                control.progress(progress)
            })
    }

    /// Throws where fewer rows are held out than the gate needs to judge the outcome.
    private func checkHeldOut(_ rows: RowStore) throws(TrainingError) {
        let held = rows.validation.rowCount, wanted = run.gate.rowsAtLeast
        guard run.recipe.validation > 0, held < wanted else { return }
        throw .tooFewRows(
            reason: "the gate waits until \(wanted) rows are held out, and \(held) are, beside \(rows.training.rowCount) to learn from",
            remedy: "bring more labelled rows, raise validation, or lower rows_at_least of the gate")
    }

    private func batchSize(_ inputs: [ModelInput]) throws(TrainingError) -> (rows: Int, isFixed: Bool) {
        let fixed = Set(inputs.compactMap { $0.dimensions[0] })
        guard fixed.count <= 1 else {
            throw .badModel(
                reason: "its inputs' first axes are fixed at \(fixed.sorted().map(String.init).joined(separator: " and "))",
                remedy: "export the model with the batch as its inputs' first axis")
        }
        if let rows = fixed.first, run.recipe.shares > 1 {
            throw .badModel(
                reason: "it takes batches of \(rows) rows only, which cannot be cut into \(run.recipe.shares) shares",
                remedy: "leave out shares, or export the model with an open first axis")
        }
        return (fixed.first ?? run.recipe.batchSize, !fixed.isEmpty)
    }
}
