import Arrivals
import Attempts
import Deployment
import Ledger
import Machine
import PipelineConfig
import Reasons
import Recipes
import SystemPackage

extension AttemptSpecs {
    /// Returns the order to measure a version on the rows of an arrival; nil where the version has no file.
    /// - Parameter pins: what the first file fixed for those after it.
    func measuring(_ version: Int, _ arrival: WaitingArrival, _ pipeline: Pipeline, _ pins: ColumnPins?) -> MeasuringOrder? {
        guard let subject = pipeline.executionSubject(version), let model = try? versions.file(of: version, pipeline) else { return nil }
        let judged = judged(pipeline) {
            ((try? ledger.knownLabels(pipeline: pipeline.name)) ?? []).map { ($0.digest, $0.path) }
        }
        return order(.scoring(subject, arrival: arrival.number), model, rows: input(arrival, pipeline), judged, pipeline, pins)
    }

    /// Returns the order to measure the model that an attempt has made; nil where no rows are known, or where it has made none.
    func measuring(_ assignment: Dispatcher.Assignment, _ result: AttemptResult, _ pins: ColumnPins?) -> MeasuringOrder? {
        guard let files = assignment.spec.modelFiles, let rows = files.rows, let digest = result.files.modelDigest else { return nil }
        let model = AttemptSpec.InputFile(path: files.writtenModel, digest: digest)
        let usable = Set((result.training?.trainingData ?? []).map(\.digest))
        let judged = judged(assignment.pipeline) {
            (assignment.spec.training?.labelled ?? []).filter { usable.contains($0.file.digest) }.map {
                ($0.file.digest, $0.name)
            }
        }
        return order(.publication(run: assignment.run.number), model, rows: rows, judged, assignment.pipeline, pins)
    }

    /// Returns the labelled rows by which ways of executing a model are judged: those that the pipeline's training holds out, of the labels
    /// that are kept. Nil where the gate has no metric, or where no labels are known.
    private func judged(_ pipeline: Pipeline, _ labels: () -> [(digest: String, path: String)]) -> JudgedFiles? {
        guard let gate = pipeline.deployment?.metric, let gradient = pipeline.optimize?.gradient else { return nil }
        let files = labels().map { labels in
            let kept = publisher.keptPath(.labels(digest: labels.digest, name: labels.path), pipeline: pipeline)
            return JudgedFiles.File(
                .init(path: kept, digest: labels.digest), arrived: pipeline.spoolPath(of: .labelled) + "/" + labels.path)
        }
        if files.isEmpty { return nil }
        return JudgedFiles(
            files: files, schema: pipeline.schema, loss: gradient.loss, outputs: gradient.outputs, share: gradient.validation,
            seed: gradient.seed, gate: gate)
    }

    private func order(
        _ purpose: MeasuringOrder.Purpose, _ model: AttemptSpec.InputFile, rows: AttemptSpec.InputFile, _ judged: JudgedFiles?,
        _ pipeline: Pipeline, _ pins: ColumnPins?
    ) -> MeasuringOrder? {
        guard let stage = pipeline.deployment, let precision = stage.precision, let forward = pipeline.forward,
            let work = configuration.work
        else { return nil }
        let limits = limits(pipeline)
        var files = AttemptSpec.MeasuredFiles(model: model, data: rows, rows: 0, reference: MeasuringQueue.folder(work: work))
        files.older = history.rows(of: pipeline.name, before: rows)
        files.judged = judged
        var spec = AttemptSpec(
            run: 0, attempt: 1, pipeline: pipeline.name, work: .measure(files), schema: pipeline.schema, stages: [.forward(forward)],
            limits: limits)
        complete(&spec, pipeline, pins)
        var plan = MeasuringPlan(
            precision, sharings: sharings(threads: limits.threads), sessions: sessions(threads: limits.threads),
            batches: forward.batchSize.rows.map { [$0] } ?? Self.triedBatches, gate: stage.gate, budget: stage.budget.seconds)
        plan.metric = stage.metric
        return MeasuringOrder(purpose, spec, plan, kept: ChoiceStore(work: FilePath(work)))
    }

    /// Returns how many attempts with so many threads run at once when all workers are busy.
    ///
    /// How many processes there are, and how many threads each has, is what the operator has said (`workers`, `threads`), and an attempt goes
    /// to whichever worker is idle. So this is no choice: what wins is what is the fastest on a machine where all workers execute the version.
    private func sessions(threads: Int) -> Int { max(configuration.workers * configuration.threads / max(threads, 1), 1) }

    /// Returns how the cores are shared while a version is measured: by one session first, in which the engines and forms are compared and
    /// of which the card tells, and then by as many as decide.
    private func sharings(threads: Int) -> [CoreSharing] {
        let (one, all) = (CoreSharing(sessions: 1, threads: threads), CoreSharing(sessions: sessions(threads: threads), threads: threads))
        return one == all ? [one] : [one, all]
    }

    /// The batch sizes that are tried where the pipeline gives none: the one that is usual for the model first.
    private static let triedBatches: [Int?] = [nil, 32, 256]

    /// Has an attempt execute its model in the way that was measured to be the fastest.
    func execute(_ spec: inout AttemptSpec, _ version: Int?, arrival: Int64?, _ pipeline: Pipeline) {
        guard let version, let subject = pipeline.executionSubject(version) else { return }
        if let execution = executions.execution(for: subject, arrival: arrival) {
            spec.execute(execution)
        } else {
            spec.execution = OutputExecution(way: "\(EngineChoice.onnxRuntime)")
        }
    }
}
